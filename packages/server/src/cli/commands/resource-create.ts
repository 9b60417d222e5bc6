import { createApiClient } from '../client.ts'
import { readDocument } from '../documents.ts'
import { cliFault } from '../faults.ts'
import { PLURALS, pluralsOf } from '../nouns.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { entry, member, show, text } from '../wire.ts'

/** Creates one resource from a file, whose kind must be that of the noun. */
export const run: CommandRun = async (invocation) => {
  const { command, settings, context } = invocation
  const [noun] = command.path
  const document = await readDocument(invocation)
  const kind = text(member(document.value, 'kind'))
  const plural = entry(PLURALS, kind)
  if (plural === undefined || !pluralsOf(noun).includes(plural)) {
    throw cliFault('input_invalid', `${document.locate('/kind')}: the kind is not one of ${noun}`, {
      fix:
        plural === undefined
          ? 'see `countersign schema` for the kinds'
          : 'use `countersign apply -f`, which takes every kind',
    })
  }
  const consent = invocation.option('allow-widening')
  const client = await createApiClient(settings, context)
  const { body } = await client.json({
    method: 'POST',
    path: `/v1/${plural}`,
    body: { document: document.value, ...(consent === undefined ? {} : { allow_widening: consent }) },
  })
  const line = `created ${show(member(body, 'kind'))} ${show(member(body, 'name'))}  ${show(member(body, 'id'))}  revision ${show(member(body, 'revision'))}`
  return { exit: 0, document: body, text: () => printable(line) }
}
