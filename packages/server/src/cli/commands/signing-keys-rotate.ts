import { createApiClient } from '../client.ts'
import { confirm } from '../confirm.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { member, show, text } from '../wire.ts'

const CACHES =
  'verifiers that keep the key set for a time and do not ask again for an unknown key refuse its tokens until they do'

/** Publishes a successor; with `--now` it signs at once, after the warning. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const [kid] = invocation.arguments
  const now = invocation.flag('now')
  if (now) await confirm(`sign with a new key at once? ${CACHES}`, invocation)
  const client = await createApiClient(settings, context)
  const { body } = await client.json({
    method: 'POST',
    path: '/v1/signing-keys/rotate',
    body: {
      ...(kid === undefined ? {} : { kid }),
      ...optional('purpose', invocation.option('purpose')),
      ...optional('alg', invocation.option('alg')),
      now,
    },
  })
  const successor = show(member(member(body, 'successor'), 'kid'))
  const predecessor = show(member(member(body, 'predecessor'), 'kid'))
  const at = text(member(body, 'activates_at')) ?? '-'
  const line = now
    ? `${successor} signs now; ${predecessor} is retired and stays published for its tokens`
    : `published ${successor}; it signs from ${at}, until then ${predecessor} does`
  return {
    exit: 0,
    document: body,
    text: () => printable(line),
    ...(now ? { notes: [`warning: ${CACHES}`] } : {}),
  }
}

function optional(name: string, value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { [name]: value }
}
