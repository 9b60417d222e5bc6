import { parseDurationMs } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { EXITS } from '../exits.ts'
import { cliFault } from '../faults.ts'
import { renderUses } from '../render-uses.ts'
import type { CommandRun } from '../types.ts'
import { member } from '../wire.ts'

const MAX_SINCE_MS = 31 * 86_400_000

/** What keys were used for; exit 1 when an issuance is not accounted for (G-06). */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const [kid] = invocation.arguments
  const sinceMs = parseDurationMs(invocation.option('since') ?? '24h')
  if (sinceMs === undefined || sinceMs > MAX_SINCE_MS) {
    throw cliFault('usage', '--since needs a duration of at most 31d', { fix: 'write --since 7d' })
  }
  const client = await createApiClient(settings, context)
  const to = context.now()
  const { body } = await client.json({
    method: 'GET',
    path: kid === undefined ? '/v1/signing-keys/uses' : `/v1/signing-keys/${encodeURIComponent(kid)}/uses`,
    query: { from: new Date(to.getTime() - sinceMs).toISOString(), to: to.toISOString() },
  })
  return {
    exit: member(body, 'reconciled') === true ? EXITS.yes : EXITS.no,
    document: body,
    text: (layout) => renderUses(body, layout),
  }
}
