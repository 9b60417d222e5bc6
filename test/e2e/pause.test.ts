// A replica that is stopped (SIGSTOP, a frozen machine) long enough to be taken for dead, settled by the other one, and then goes on in the
// middle of what it was doing (G-06, design section 9). What it had committed before is not signed after that. Only a token that was
// signed already, and whose answer was being written when the process stopped, can still come out; it has been revoked by then.
import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { TEST_ENGINE } from '../support/database.ts'
import { createInstallation, type HttpAnswer } from '../support/installation.ts'

const CLIENTS = 16
const SETTLED_WITHIN_MS = 90_000

interface Received {
  readonly jti: string
  readonly at: number
}

function jtiOf({ json }: HttpAnswer): string {
  const payload = String(json?.['access_token']).split('.')[1] ?? ''
  return String((JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: unknown }).jti)
}

test('a replica that was stopped until it was settled signs nothing of before, serves again, and everything reconciles (SIGSTOP)', {
  skip: TEST_ENGINE === 'embedded' && 'the embedded store has one replica, which nobody settles',
}, async (t) => {
  const installation = await createInstallation(t)
  const awake = await installation.addReplica()
  const paused = await installation.addReplica()
  await awake.start()
  await awake.apply()
  await paused.start()
  await paused.follow(awake)

  const received: Received[] = []
  let loading = true
  const client = async () => {
    while (loading) {
      const answer = await paused.exchange(installation.proofs.sign()).catch(() => undefined)
      if (answer?.status === 200) received.push({ jti: jtiOf(answer), at: performance.now() })
      else if (answer === undefined) await pause(20)
    }
  }
  const load = Promise.all(Array.from({ length: CLIENTS }, client))
  await pause(700)
  assert.ok(received.length > 0)
  process.kill(paused.pid, 'SIGSTOP')
  try {
    const deadline = performance.now() + SETTLED_WITHIN_MS
    for (;;) {
      const { items } = await awake.cliJson('events', 'list', '--filter', 'kind=instance.settled')
      if ((items as unknown[]).length > 0) break
      assert.ok(performance.now() < deadline, 'the stopped replica was not settled')
      await pause(1_000)
    }
  } finally {
    process.kill(paused.pid, 'SIGCONT')
  }
  const continuedAt = performance.now()
  await pause(6_000)
  loading = false
  await load
  const late = received.filter(({ at }) => at > continuedAt)
  assert.ok(late.length > 0, 'it serves again')
  await paused.stop()
  await awake.stop()

  const database = await installation.open()
  try {
    const unsigned = await database.read.selectFrom('unsigned_issuances').select('jti').execute()
    const revocations = await database.read
      .selectFrom('revocations')
      .select('value')
      .where('kind', '=', 'jti')
      .execute()
    const revoked = new Set(revocations.map(({ value }) => value))
    for (const { jti } of unsigned) assert.ok(revoked.has(jti), 'an issuance is marked unsigned and not revoked')
    const inDoubt = late.filter(({ jti }) => unsigned.some((row) => row.jti === jti))
    assert.ok(inDoubt.length <= CLIENTS, 'more than the answers of one moment were handed out late')
    t.diagnostic(
      `${received.length} tokens, ${late.length} after the pause, ${unsigned.length} unsigned, ${inDoubt.length} in doubt`,
    )
    const open = await database.read.selectFrom('instances').select('boot_id').where('settled_at', 'is', null).execute()
    assert.deepEqual(open, [], 'an account was left open after a clean stop')
  } finally {
    await database.close()
  }
})
