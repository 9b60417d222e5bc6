import { createApiClient } from '../client.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { list, member, show } from '../wire.ts'

/** The public keys of the log and of its receipts, one per line: what `--key-file` of `audit verify` takes. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: '/v1/audit/keys' })
  const keys = list(member(body, 'items')).map((item) => printable(show(member(item, 'key'))))
  return { exit: 0, document: body, text: () => keys.join('\n') }
}
