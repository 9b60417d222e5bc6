import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resumeLease, storeLease } from './disk-lease.ts'
import { createFollowerState, type FollowerMemory } from './follower-state.ts'
import { countSuspended, leaseHolds } from './lease.ts'
import type { FeedPage, LeaseAnswer } from './lease-answer.ts'
import type { RevocableToken } from './revocable-token.ts'

const at = (ms: number) => ({ monoMs: ms, wallMs: 1_000_000 + ms })
const token: RevocableToken = {
  tokenIds: ['j'],
  keyIds: ['k'],
  subjects: ['s'],
  workloadIds: ['w'],
  policyId: 'p',
  providerIds: ['t'],
  serviceId: 'v',
  revision: 0,
  issuedAtMs: 0,
  expiresAtMs: 1e12,
}

const page = (after: number, through: number, jtis: readonly string[] = [], tag = `t${through}`): FeedPage => ({
  after,
  through,
  tag,
  head: through,
  expiredUpToMs: 0,
  entries: jtis.map((value) => ({
    revision: through,
    kind: 'jti',
    value,
    upToRevision: null,
    issuedBeforeMs: null,
    expiresAtMs: 1e12,
  })),
})
const behind = (feed: FeedPage): LeaseAnswer => ({ outcome: 'behind', page: feed })
const granted = (head: number, leaseMs = 30_000): LeaseAnswer => ({
  outcome: 'granted',
  head,
  leaseMs,
  serviceId: 'v',
  onUnavailable: 'deny',
})
const CHANGED: LeaseAnswer = { outcome: 'history_changed' }

test('a lease for another head than the one that was applied is none', () => {
  const state = createFollowerState()
  for (const head of [1, 5]) {
    assert.equal(state.answer(state.request(at(0)), granted(head), at(1)), 'invalid')
    assert.equal(state.judge(token, at(1)), undefined)
  }
})

test('a page that begins after what was applied is not applied: a revocation may lie between', () => {
  const state = createFollowerState()
  assert.equal(state.answer(state.request(at(0)), behind(page(1, 3)), at(1)), 'invalid')
  assert.equal(state.applied, 0)
})

test('a page of a replica that lags moves nothing back', () => {
  const state = createFollowerState()
  state.answer(state.request(at(0)), behind(page(0, 5)), at(1))
  assert.equal(state.answer(state.request(at(2)), behind(page(5, 3)), at(3)), 'stalled')
  assert.equal(state.answer(state.request(at(4)), behind(page(2, 4, ['j'])), at(5)), 'stalled')
  assert.equal(state.applied, 5)
  // What it says is refused all the same.
  assert.equal(state.judge(token, at(6)), 'revoked')
})

test('a late page only adds: it was asked for from another place', () => {
  const state = createFollowerState()
  const early = state.request(at(0))
  state.answer(state.request(at(1)), behind(page(0, 2)), at(2))
  assert.equal(state.answer(early, behind(page(0, 9, ['j'])), at(3)), 'outdated')
  assert.equal(state.applied, 2)
  assert.equal(state.judge(token, at(4)), 'revoked')
})

test('a lease that was granted in another history ends with it, also when it arrives later', () => {
  const state = createFollowerState()
  state.answer(state.request(at(0)), behind(page(0, 2)), at(1))
  assert.equal(state.answer(state.request(at(2)), granted(2), at(3)), 'granted')
  const late = state.request(at(4))
  assert.equal(state.answer(state.request(at(5)), CHANGED, at(6)), 'reread')
  assert.equal(state.judge(token, at(7)), undefined)
  assert.equal(state.answer(late, granted(2), at(8)), 'outdated')
  assert.equal(state.judge(token, at(9)), undefined)
  assert.equal(state.request(at(10)).applied, 0)
  assert.equal(state.request(at(10)).tag, '')
})

test('a history that changes before anything was applied is no progress', () => {
  const state = createFollowerState()
  assert.equal(state.answer(state.request(at(0)), CHANGED, at(1)), 'stalled')
})

test('of two grants the one that was asked for later counts, in whatever order they arrive', () => {
  const state = createFollowerState()
  const [first, second] = [state.request(at(0)), state.request(at(10))]
  assert.equal(state.answer(second, granted(0, 5_000), at(20)), 'granted')
  assert.equal(state.answer(first, granted(0, 30_000), at(30)), 'outdated')
  assert.equal(state.judge(token, at(4_900)), 'accepted')
  assert.equal(state.judge(token, at(4_961)), undefined)
})

test('a lease that was once seen to be over stays over', () => {
  const state = createFollowerState()
  state.answer(state.request(at(0)), granted(0), at(1))
  assert.equal(state.judge(token, { monoMs: 2, wallMs: 1_000_000 + 3_600_000 }), undefined)
  assert.equal(state.judge(token, at(3)), undefined)
})

test('last-known-good needs something that was known: a follower that never applied anything accepts nothing', () => {
  const memory: FollowerMemory = {
    applied: 0,
    tag: '',
    expiredUpToMs: 0,
    entries: [],
    serviceId: 'v',
    onUnavailable: 'last-known-good',
    lease: undefined,
  }
  assert.equal(createFollowerState(memory).acceptsWithoutLease(), false)
  assert.equal(createFollowerState({ ...memory, applied: 1 }).acceptsWithoutLease(), true)
  assert.equal(createFollowerState({ ...memory, applied: 1, onUnavailable: 'deny' }).acceptsWithoutLease(), false)
  assert.equal(createFollowerState({ ...memory, applied: 1, serviceId: undefined }).acceptsWithoutLease(), false)
})

test('a lease ends 1 % early, by whichever clock is stricter, and by a clock that is broken', () => {
  const lease = { sent: at(0), leaseMs: 10_000 }
  assert.equal(leaseHolds(lease, at(9_899)), true)
  for (const instant of [
    at(9_900),
    { monoMs: 9_900, wallMs: 1_000_000 },
    { monoMs: 0, wallMs: 1_009_900 },
    { monoMs: 1, wallMs: 998_999 },
    { monoMs: -1, wallMs: 1_000_000 },
    { monoMs: Number.NaN, wallMs: 1_000_000 },
    { monoMs: 0, wallMs: Number.NaN },
  ]) {
    assert.equal(leaseHolds(lease, instant), false, JSON.stringify(instant))
  }
  assert.equal(leaseHolds({ sent: at(0), leaseMs: Number.NaN }, at(0)), false)
  // Time synchronisation may set a clock back a little.
  assert.equal(leaseHolds(lease, { monoMs: 1, wallMs: 999_000 }), true)
})

test('time that the monotonic clock missed is counted in where the third clock has been read, and never the other way', () => {
  const lease = { sent: { ...at(0), bootMs: 500 }, leaseMs: 10_000 }
  const suspended = { monoMs: 100, wallMs: 1_000_000, bootMs: 8_600 }
  assert.equal(leaseHolds(countSuspended(lease, suspended), { monoMs: 1_000, wallMs: 1_000_000 }), true)
  assert.equal(leaseHolds(countSuspended(lease, suspended), { monoMs: 2_000, wallMs: 1_000_000 }), false)
  assert.deepEqual(countSuspended(lease, { ...at(5_000), bootMs: 500 }), lease)
  assert.deepEqual(countSuspended(lease, at(5_000)), lease)
})

test('a lease on disk is nothing without the clock of the machine', () => {
  const lease = { sent: { ...at(0), bootMs: 500 }, leaseMs: 10_000 }
  assert.equal(storeLease({ ...lease, sent: at(0) }, 'boot'), undefined)
  assert.equal(storeLease(lease, undefined), undefined)
  const stored = storeLease(lease, 'boot')
  assert.ok(stored)
  assert.equal(resumeLease(stored, { ...at(0), bootId: 'boot', bootMs: undefined }), undefined)
  assert.equal(resumeLease(stored, { ...at(0), bootId: 'other', bootMs: 600 }), undefined)
  assert.equal(resumeLease(stored, { ...at(0), bootId: 'boot', bootMs: 100 }), undefined)
  // Another process counts from another zero.
  const resumed = resumeLease(stored, { monoMs: 7, wallMs: 1_003_000, bootId: 'boot', bootMs: 3_500 })
  assert.equal(resumed?.sent.monoMs, 7 - 3_010)
})
