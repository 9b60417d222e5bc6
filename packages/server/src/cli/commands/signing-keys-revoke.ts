import { parseDurationMs } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { confirm } from '../confirm.ts'
import { cliFault } from '../faults.ts'
import { createPrivateFile } from '../private-file.ts'
import { renderFields } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { isObject, list, member, show, text } from '../wire.ts'

/** Revokes a key in one call, and prints or writes the receipt. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const [kid = ''] = invocation.arguments
  const reason = invocation.option('reason')
  if (reason === undefined)
    throw cliFault('usage', 'signing-keys revoke needs --reason', { fix: 'write --reason TEXT' })
  const waitSeconds = parseWait(invocation.option('wait'))
  await confirm(`revoke ${kid}? Every token that it signed is refused; this cannot be undone.`, invocation)
  const path = invocation.option('out-file')
  // Made first: a file that exists must not be noticed only when the key is revoked.
  const file = path === undefined ? undefined : await createPrivateFile(path, context)
  let complete = false
  try {
    const client = await createApiClient({ ...settings, timeoutMs: settings.timeoutMs + waitSeconds * 1_000 }, context)
    const { body } = await client.json({
      method: 'POST',
      path: `/v1/signing-keys/${encodeURIComponent(kid)}/revoke`,
      body: { reason, wait_seconds: waitSeconds },
    })
    const receipt = member(body, 'receipt')
    if (file && isObject(receipt)) {
      await file.write(Buffer.from(`${JSON.stringify(receipt, undefined, 2)}\n`))
      complete = true
    }
    const kidOf = (name: string) => text(member(member(body, name), 'kid'))
    return {
      exit: 0,
      document: body,
      text: (layout) =>
        renderFields(
          [
            ['revoked', kid],
            ['with it', kidOf('revoked_successor')],
            ['signs now', kidOf('replacement')],
            ['receipt', text(member(receipt, 'id'))],
            ['state', text(member(receipt, 'state'))],
            ['everywhere', text(member(receipt, 'effective_everywhere_at'))],
            ...list(member(receipt, 'services')).map(
              (service) =>
                [
                  `service ${show(member(service, 'name'))}`,
                  `may accept until ${show(member(service, 'may_accept_until'))} (${show(member(service, 'why'))})`,
                ] as const,
            ),
          ],
          layout,
        ).join('\n'),
      ...(file && complete ? { notes: [`receipt written to ${file.shown}, mode 0600`] } : {}),
    }
  } finally {
    await file?.close(complete)
  }
}

function parseWait(value: string | undefined): number {
  if (value === undefined) return 5
  const durationMs = value === '0' ? 0 : parseDurationMs(value)
  if (durationMs === undefined || durationMs > 60_000) {
    throw cliFault('usage', '--wait needs a duration of at most 60s', { fix: 'write --wait 30s' })
  }
  return Math.ceil(durationMs / 1_000)
}
