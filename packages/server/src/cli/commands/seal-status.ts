import type { JsonValue } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { EXITS } from '../exits.ts'
import { CliFault } from '../faults.ts'
import { findServerOptions } from '../server-options.ts'
import { type Cell, renderFields } from '../terminal/index.ts'
import type { CommandRun, Invocation } from '../types.ts'
import { list, member, show, text } from '../wire.ts'

const FORMS: Readonly<Record<string, string>> = {
  envelope: 'a data-encryption key, wrapped',
  file_key: 'the key file itself (made by an earlier version; `countersign seal rotate` moves it)',
  none: 'not sealed yet',
}

/** The seal as the server sees it, or, where none answers, as it lies in the database. */
export const run: CommandRun = async (invocation) => {
  const document = (await askServer(invocation)) ?? (await lookAtDatabase(invocation))
  const opens = member(document, 'opens') === true
  const wrappings = list(member(document, 'wrappings'))
  return {
    exit: opens ? EXITS.yes : EXITS.no,
    document,
    text: (layout) =>
      renderFields(
        [
          ['sealed under', FORMS[show(member(document, 'form'))] ?? show(member(document, 'form'))],
          ['configured', show(member(document, 'location'))],
          ['opens', { text: opens ? 'yes' : 'no', colour: opens ? 'good' : 'bad' }],
          ['because', text(member(member(document, 'problem'), 'detail'))],
          ...wrappings.map((wrapping): [string, Cell] => ['key', describe(wrapping)]),
        ],
        layout,
      ).join('\n'),
    ...(wrappings.length > 1
      ? {
          notes: [
            'a rotation is not finished: `countersign seal rotate --finish`, with the next configuration, ends it',
          ],
        }
      : {}),
  }
}

async function askServer({ settings, context }: Invocation): Promise<JsonValue | undefined> {
  const client = await createApiClient(settings, context)
  try {
    return (await client.json({ method: 'GET', path: '/v1/seal' })).body
  } catch (error) {
    // Whoever names a server wants that one's answer.
    if (error instanceof CliFault && error.code === 'unreachable' && client.target.via === 'socket') return undefined
    throw error
  }
}

async function lookAtDatabase({ settings, context }: Invocation): Promise<JsonValue> {
  const { sealStatus } = await context.modules.seal()
  const status = await sealStatus(await findServerOptions(settings, context))
  return {
    ...{ form: status.form, provider: status.provider, location: status.location, opens: status.opens },
    problem: status.problem ? { ...status.problem } : null,
    wrappings: status.wrappings.map((wrapping) => ({
      ...{ provider: wrapping.provider, key_id: wrapping.keyId, at: wrapping.at.toISOString() },
      current: wrapping.current ?? null,
    })),
  }
}

function describe(wrapping: JsonValue): string {
  const current = member(wrapping, 'current') === true ? ', the configured one' : ''
  return `${show(member(wrapping, 'provider'))} ${show(member(wrapping, 'key_id'))} since ${show(member(wrapping, 'at'))}${current}`
}
