import { createApiClient } from '../client.ts'
import { readDocuments } from '../documents.ts'
import { EXITS } from '../exits.ts'
import { CliFault } from '../faults.ts'
import { hasErrors, planProblems, realChanges, renderPlan } from '../render-plan.ts'
import type { CommandRun } from '../types.ts'
import { member, show } from '../wire.ts'
import { applyLine, pruneSet } from './diff.ts'

/** Makes the stored resources equal to files: all or nothing. With `--dry-run` the server checks everything and writes nothing. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const prune = pruneSet(invocation)
  const documents = await readDocuments(invocation)
  const client = await createApiClient(settings, context)
  const consent = invocation.option('allow-widening')
  const { body } = await client
    .json({
      method: 'POST',
      path: '/v1/apply',
      body: {
        documents: documents.map((document) => document.value),
        ...prune,
        ...(consent === undefined ? {} : { allow_widening: consent }),
        ...(settings.dryRun ? { dry_run: true } : {}),
      },
    })
    .catch((error: unknown) => {
      throw refused(error, applyLine(invocation).replace(' apply', ' diff'))
    })
  const plan = member(body, 'plan') ?? null
  const applied = member(body, 'applied') === true
  const changed = realChanges(plan).length > 0
  return {
    // A dry run of documents that the server would refuse must not look like consent.
    exit: settings.dryRun && hasErrors(planProblems(plan)) ? EXITS.usage : EXITS.yes,
    document: { ...(body as object), ...(settings.dryRun ? { dry_run: true } : {}) },
    text: (layout) => {
      const rendered = renderPlan(plan, layout, {
        documents,
        applyLine: settings.dryRun ? applyLine(invocation) : undefined,
      })
      if (settings.dryRun) return `${rendered}dry run: nothing was written\n`
      if (!changed) return rendered
      return `${rendered}${applied ? `applied at revision ${show(member(body, 'revision'))}` : 'nothing was applied'}\n`
    },
  }
}

function refused(error: unknown, diffLine: string): unknown {
  if (!(error instanceof CliFault) || error.code !== 'widening_refused') return error
  return new CliFault({
    ...error,
    title: error.title,
    fix: `read \`${diffLine}\`, then repeat with the line it ends with`,
    cause: error,
  })
}
