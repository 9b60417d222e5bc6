import { setTimeout as sleep } from 'node:timers/promises'
import { type JsonValue, parseDurationMs } from '../../lib/index.ts'
import { type ApiClient, createApiClient } from '../client.ts'
import { confirm } from '../confirm.ts'
import { EXITS } from '../exits.ts'
import { CliFault, cliFault } from '../faults.ts'
import { createPrivateFile } from '../private-file.ts'
import { writeReceipt } from '../receipt-file.ts'
import { countConfirmed, renderReceipt } from '../render-receipt.ts'
import type { CommandRun, Invocation } from '../types.ts'
import { entry, member, text } from '../wire.ts'

const DEFAULT_WAIT_MS = 30_000
/** How long the server itself waits: most receipts are final by then, and a person hears of the others. */
const SERVER_WAIT_SECONDS = 2
const LOOK_MS = 500

/** What ends with the kinds that end the most; asked before. */
const QUESTIONS: Readonly<Record<string, (value: string) => string>> = {
  provider: (value) => `end every credential that was issued for a proof of the trust provider ${value}, up to now?`,
  service: (value) => `end every credential for the service ${value} that was issued up to now?`,
  'issued-before': (value) => `end every credential of this installation that was issued before ${value}?`,
}

/**
 * Revokes, and waits for the receipt while it says how far it is. The revocation holds from the answer on, whatever the waiting
 * comes to.
 */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const [kind = '', value = ''] = invocation.arguments
  const waitMs = readWait(invocation.option('wait'))
  const reason = invocation.option('reason')
  if (reason === undefined)
    throw cliFault('usage', 'revoke needs --reason', { fix: 'add --reason TEXT: it is recorded' })
  const question = entry(QUESTIONS, kind)
  if (question !== undefined) await confirm(question(value), invocation)
  const path = invocation.option('out-file')
  // Made first: a file that exists must not be noticed only when something has been revoked.
  const file = path === undefined ? undefined : await createPrivateFile(path, context)
  let isWritten = false
  try {
    // The server's own waiting is not part of what --timeout bounds: a timeout would leave open whether it was revoked.
    const timeoutMs = settings.timeoutMs + SERVER_WAIT_SECONDS * 1_000
    const client = await createApiClient({ ...settings, timeoutMs }, context)
    const { body } = await client.json({
      method: 'POST',
      path: '/v1/revocations',
      body: {
        kind: kind.replaceAll('-', '_'),
        value,
        reason,
        ...(invocation.flag('disable') ? { disable: true } : {}),
        ...(invocation.flag('force') ? { force: true } : {}),
        wait_seconds: Math.min(SERVER_WAIT_SECONDS, Math.floor(waitMs / 1000)),
      },
    })
    const receipt = await follow(body, waitMs, client, invocation)
    const isFinal = member(receipt, 'state') === 'final'
    if (file) {
      await writeReceipt(file, receipt)
      isWritten = true
    }
    return {
      exit: isFinal || invocation.option('wait') === undefined ? EXITS.yes : EXITS.unavailable,
      document: receipt,
      text: (layout) => renderReceipt(receipt, { layout, now: context.now() }),
      ...(file === undefined
        ? {}
        : { notes: [`written ${file.shown}, mode 0600${isFinal ? '' : ': it is pending, get it again later'}`] }),
    }
  } finally {
    await file?.close(isWritten)
  }
}

/** Looks at the receipt until it is final, the time is over, or somebody interrupts: what is revoked stays revoked. */
async function follow(
  first: JsonValue,
  waitMs: number,
  client: ApiClient,
  { settings, context }: Invocation,
): Promise<JsonValue> {
  const id = text(member(first, 'id'))
  const deadline = context.now().getTime() + waitMs
  let receipt = first
  let said = ''
  while (member(receipt, 'state') === 'pending' && context.now().getTime() < deadline && !context.signal.aborted) {
    const progress = progressOf(receipt)
    if (progress !== said && !settings.quiet) context.stderr.write(`${progress}\n`)
    said = progress
    await sleep(LOOK_MS, undefined, { signal: context.signal }).catch(() => {})
    try {
      receipt = (await client.json({ method: 'GET', path: `/v1/receipts/${encodeURIComponent(id ?? '')}` })).body
    } catch (error) {
      // Without the scope to read receipts, or without a server: what is known is shown all the same.
      if (error instanceof CliFault) return receipt
      throw error
    }
  }
  return receipt
}

function progressOf(receipt: JsonValue): string {
  const { confirmed, of } = countConfirmed(receipt)
  return member(receipt, 'waiting_for') === 'followers'
    ? `revoked; ${confirmed} of ${of} verifiers have confirmed ...`
    : `revoked; ${of === 0 ? 'no verifier follows' : `${confirmed} of ${of} verifiers have confirmed`}; the log is being sealed ...`
}

function readWait(given: string | undefined): number {
  if (given === undefined) return DEFAULT_WAIT_MS
  const waitMs = given === '0' || given === '0s' ? 0 : parseDurationMs(given)
  if (waitMs === undefined || waitMs > 3_600_000) {
    throw cliFault('usage', '--wait needs a duration of at most 1h', { fix: 'write --wait 30s, or --wait 0' })
  }
  return waitMs
}
