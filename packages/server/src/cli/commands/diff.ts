import { createApiClient } from '../client.ts'
import { readDocuments } from '../documents.ts'
import { EXITS } from '../exits.ts'
import { cliFault } from '../faults.ts'
import { hasErrors, planProblems, realChanges, renderPlan } from '../render-plan.ts'
import type { CommandRun, Invocation } from '../types.ts'

/** What applying files would change: exit 0 for nothing, 1 for something, 2 for documents that are not valid. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const prune = pruneSet(invocation)
  const documents = await readDocuments(invocation)
  const client = await createApiClient(settings, context)
  const { body } = await client.json({
    method: 'POST',
    path: '/v1/diff',
    repeatable: true,
    body: { documents: documents.map((document) => document.value), ...prune },
  })
  const exit = hasErrors(planProblems(body)) ? EXITS.usage : realChanges(body).length > 0 ? EXITS.no : EXITS.yes
  return {
    exit,
    document: body,
    text: (layout) => renderPlan(body, layout, { documents, applyLine: applyLine(invocation) }),
  }
}

/** The member of a body that asks for pruning; `--prune` and `--set` belong together. @throws CliFault usage */
export function pruneSet(invocation: Invocation): { prune_set?: string } {
  const set = invocation.option('set')
  if (invocation.flag('prune') && set === undefined) {
    throw cliFault('usage', '--prune needs --set NAME', { fix: 'name the set whose missing documents are deleted' })
  }
  if (set !== undefined && !invocation.flag('prune')) {
    throw cliFault('usage', '--set belongs to --prune', { fix: 'add --prune, or leave out --set' })
  }
  return set === undefined ? {} : { prune_set: set }
}

/** The apply command for the same files. */
export function applyLine(invocation: Invocation): string {
  const files = invocation.options('file').map((file) => `-f ${quote(file)}`)
  const set = invocation.option('set')
  return ['countersign apply', ...files, ...(set === undefined ? [] : ['--prune --set', quote(set)])].join(' ')
}

function quote(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
