// The replay race (R-09, S-07, invariant 2): each of 1,000 proofs is presented twice at the same moment. On PostgreSQL the two go to two
// replicas; the embedded store has one process, so there both go to it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEST_ENGINE } from '../support/database.ts'
import { createInstallation, type HttpAnswer, type Installation, type Replica } from '../support/installation.ts'

const PAIRS = 1_000
const PAIRS_AT_ONCE = 16
const LIMIT = { timeout: 300_000 }

/** Presents every proof to every replica of the list at the same moment; resolves to the answers by proof. */
async function race(proofs: readonly string[], replicas: readonly Replica[]): Promise<HttpAnswer[][]> {
  const answers: HttpAnswer[][] = []
  let next = 0
  const runner = async (): Promise<void> => {
    for (;;) {
      const index = next++
      const proof = proofs[index]
      if (proof === undefined) return
      // Now one first, now the other: neither may have an advantage.
      const order = index % 2 === 0 ? replicas : [...replicas].reverse()
      answers[index] = await Promise.all(order.map((replica) => replica.exchange(proof)))
    }
  }
  await Promise.all(Array.from({ length: PAIRS_AT_ONCE }, runner))
  return answers
}

/** Exactly one success each; the loser is refused as a replay, and both have left their event. */
async function assertOneEach(answers: readonly (readonly HttpAnswer[])[], installation: Installation): Promise<void> {
  const granted = new Set<string>()
  const refused = new Set<string>()
  for (const [index, pair] of answers.entries()) {
    const statuses = pair.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [200, 400], `proof ${index}: ${pair.map(({ text }) => text.slice(0, 300)).join(' | ')}`)
    for (const { status, json } of pair) {
      if (status === 200) granted.add(String(json?.['event_id']))
      else {
        assert.equal(json?.['error'], 'invalid_request')
        refused.add(String(json?.['error_id']))
      }
    }
  }
  assert.equal(granted.size, answers.length)
  assert.equal(refused.size, answers.length)
  const database = await installation.open()
  try {
    const events = await database.read
      .selectFrom('events')
      .select(['id', 'outcome', 'body'])
      .where('kind', '=', 'exchange.decided')
      .execute()
    const ids = (outcome: string) => new Set(events.filter((event) => event.outcome === outcome).map(({ id }) => id))
    assert.deepEqual(ids('allowed'), granted)
    assert.deepEqual(ids('denied'), refused)
    for (const { body, outcome } of events) {
      if (outcome === 'denied') assert.match(Buffer.from(body).toString(), /"replayed"/)
    }
    const issuances = await database.read.selectFrom('issuances').select('event_id').execute()
    assert.deepEqual(new Set(issuances.map((row) => row.event_id)), granted)
    assert.equal(issuances.length, granted.size)
    const claims = await database.read.selectFrom('proof_claims').select('slot').execute()
    assert.equal(claims.length, answers.length)
  } finally {
    await database.close()
  }
}

test('R-09: 1,000 proofs, each presented to two replicas at the same moment: exactly one success each', {
  ...LIMIT,
  skip: TEST_ENGINE === 'postgres' ? false : 'the embedded store has one server process',
}, async (t) => {
  const installation = await createInstallation(t)
  const [first, second] = [await installation.addReplica(), await installation.addReplica()]
  await Promise.all([first.start(), second.start()])
  await first.apply()
  const proofs = installation.proofs.signMany(PAIRS)
  // The second replica learns of the policies through the revision log.
  await second.follow(first)
  const answers = await race(proofs, [first, second])
  const ends = await Promise.all([first.stop(), second.stop()])
  assert.deepEqual(
    ends.map(({ exit }) => exit),
    [0, 0],
  )
  await assertOneEach(answers, installation)
})

test('one process: 1,000 proofs, each presented twice at the same moment: exactly one success each (S-07)', {
  ...LIMIT,
  skip: TEST_ENGINE === 'embedded' ? false : 'two replicas race above',
}, async (t) => {
  const installation = await createInstallation(t)
  const server = await installation.addReplica()
  await server.start()
  await server.apply()
  const answers = await race(installation.proofs.signMany(PAIRS), [server, server])
  assert.equal((await server.stop()).exit, 0)
  await assertOneEach(answers, installation)
})
