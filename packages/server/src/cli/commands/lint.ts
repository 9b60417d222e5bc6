import { createApiClient } from '../client.ts'
import { readDocuments } from '../documents.ts'
import { EXITS } from '../exits.ts'
import { hasErrors, renderProblems } from '../render-plan.ts'
import type { CommandRun } from '../types.ts'
import { list, member, text } from '../wire.ts'

/** Faults and dangers of files. Exit 1 for an error, with `--strict` for a warning too. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const documents = await readDocuments(invocation)
  const client = await createApiClient(settings, context)
  const { body } = await client.json({
    method: 'POST',
    path: '/v1/lint',
    repeatable: true,
    body: { documents: documents.map((document) => document.value) },
  })
  const problems = Array.isArray(body) ? list(body) : list(member(body, 'problems'))
  const errors = problems.filter((problem) => text(member(problem, 'severity')) === 'error').length
  const warnings = problems.length - errors
  return {
    exit: hasErrors(problems) || (invocation.flag('strict') && warnings > 0) ? EXITS.no : EXITS.yes,
    document: { problems, errors, warnings },
    text: (layout) =>
      [
        ...renderProblems(problems, documents, layout),
        `${documents.length} document${documents.length === 1 ? '' : 's'}, ${errors} error${errors === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}`,
      ].join('\n'),
  }
}
