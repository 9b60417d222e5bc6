import type { JsonValue } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { readDocuments } from '../documents.ts'
import { EXITS } from '../exits.ts'
import { type Layout, renderTable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { list, member, show, text } from '../wire.ts'

/** Runs the `tests` of each TrustPolicy in the files. Exit 1 when one fails, also when a policy has none to run. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const documents = (await readDocuments(invocation)).filter(
    (document) => text(member(document.value, 'kind')) === 'TrustPolicy',
  )
  const client = await createApiClient(settings, context)
  const policies: JsonValue[] = []
  for (const document of documents) {
    const { body } = await client.json({
      method: 'POST',
      path: '/v1/trust-policies/test',
      repeatable: true,
      body: { document: document.value },
    })
    policies.push({ document: document.label, ...(body as object) })
  }
  const passed = policies.length > 0 && policies.every(hasPassed)
  return {
    exit: passed ? EXITS.yes : EXITS.no,
    document: { passed, policies },
    text: (layout) =>
      policies.flatMap((policy) => renderPolicy(policy, layout)).join('\n') || 'no TrustPolicy in the files',
  }
}

// Passed is what says so; an answer that says nothing has not passed.
function hasPassed(policy: JsonValue): boolean {
  const results = resultsOf(policy)
  return results.length > 0 && results.every((result) => member(result, 'passed') === true)
}

function resultsOf(policy: JsonValue): readonly JsonValue[] {
  return list(member(policy, 'cases'))
}

function renderPolicy(policy: JsonValue, layout: Layout): string[] {
  const results = resultsOf(policy)
  const rows = results.map((result, index) => {
    const passed = member(result, 'passed') === true
    return [
      `  ${index + 1}`,
      { text: passed ? 'ok' : 'X failed', colour: passed ? ('good' as const) : ('bad' as const) },
      show(member(result, 'expected')),
      text(member(result, 'detail')) ?? '',
    ]
  })
  const failed = results.filter((result) => member(result, 'passed') !== true).length
  const count = results.length === 0 ? 'no tests' : `${results.length - failed} of ${results.length} tests pass`
  return [
    `${show(member(policy, 'document'))}  ${count}`,
    ...renderTable(undefined, rows, layout, { overflow: 'wrap' }),
  ]
}
