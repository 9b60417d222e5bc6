import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dueSteps, type RotationSchedule, type SigningKey } from './states.ts'

const HOUR = 3_600_000
const schedule: RotationSchedule = { publishAheadMs: 24 * HOUR, activeMs: 30 * 24 * HOUR, retainMs: HOUR }
const ring = { purpose: 'access_token', alg: 'ES256' } as const
const start = Date.UTC(2026, 0, 1)

function key(
  state: SigningKey['state'],
  times: Partial<Record<'published' | 'active' | 'retired' | 'activate', number>>,
  kid = state,
): SigningKey {
  const at = (value: number | undefined) => (value === undefined ? undefined : new Date(value))
  return {
    kid,
    ...ring,
    state,
    createdAt: new Date(start),
    publishedAt: at(times.published),
    activeAt: at(times.active),
    retiredAt: at(times.retired),
    removedAt: undefined,
    destroyedAt: undefined,
    revokedAt: undefined,
    activateAt: at(times.activate),
  }
}

test('makes no key of another purpose or algorithm active in this ring (G-05)', () => {
  const other = { ...key('active', { active: start }), purpose: 'checkpoint' as const }
  const rsa = { ...key('active', { active: start }), alg: 'RS256' as const }
  assert.deepEqual(dueSteps([other, rsa], ring, schedule, new Date(start)), [
    { act: 'generate', ...ring, activate: true },
  ])
})

test('does not let a key sign before it was published long enough (G-02)', () => {
  const keys = [key('active', { active: start - 40 * 24 * HOUR }), key('published', { published: start - 23 * HOUR })]
  assert.deepEqual(dueSteps(keys, ring, schedule, new Date(start)), [])
})

test('does not retire a key before its time even when the next one is ready', () => {
  const keys = [key('active', { active: start - 29.5 * 24 * HOUR }), key('published', { published: start - 30 * HOUR })]
  assert.deepEqual(dueSteps(keys, ring, schedule, new Date(start)), [])
})

test('G-02: a command does not let a key sign before it was published long enough, nor before the time that it was given', () => {
  const active = key('active', { active: start - HOUR })
  const early = key('published', { published: start - 23 * HOUR, activate: start - HOUR })
  assert.deepEqual(dueSteps([active, early], ring, schedule, new Date(start)), [])
  const waiting = key('published', { published: start - 30 * HOUR, activate: start + 1 })
  assert.deepEqual(dueSteps([active, waiting], ring, schedule, new Date(start)), [])
})

test('a key that a command has published signs at its time, although the active one has not signed for long', () => {
  const active = key('active', { active: start - HOUR })
  const next = key('published', { published: start - 24 * HOUR, activate: start })
  assert.deepEqual(dueSteps([active, next], ring, schedule, new Date(start)), [
    { act: 'activate', kid: 'published', retire: 'active' },
  ])
})

test('keeps a retired key published while its tokens can live (G-02)', () => {
  const active = key('active', { active: start })
  assert.deepEqual(
    dueSteps([active, key('retired', { retired: start - HOUR + 1 })], ring, schedule, new Date(start)),
    [],
  )
  assert.deepEqual(dueSteps([active, key('retired', { retired: start - HOUR })], ring, schedule, new Date(start)), [
    { act: 'remove', kid: 'retired' },
  ])
})

test('publishes ahead, then activates and retires together', () => {
  const active = key('active', { active: start - 29 * 24 * HOUR })
  assert.deepEqual(dueSteps([active], ring, schedule, new Date(start)), [{ act: 'generate', ...ring, activate: false }])
  const next = key('published', { published: start })
  assert.deepEqual(dueSteps([active, next], ring, schedule, new Date(start + 24 * HOUR)), [
    { act: 'activate', kid: 'published', retire: 'active' },
  ])
})

test('over any schedule and any pauses there is at most one active key, and each signed only after its publication time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 * 24 }), { minLength: 1, maxLength: 120 }), (pausesHours) => {
      let now = start
      let keys: SigningKey[] = []
      let made = 0
      for (const pause of pausesHours) {
        now += pause * HOUR
        for (const step of dueSteps(keys, ring, schedule, new Date(now))) {
          const at = new Date(now)
          if (step.act === 'generate') {
            made += 1
            const state = step.activate ? 'active' : 'published'
            keys.push({
              ...key(state, { published: now, ...(step.activate ? { active: now } : {}) }, `k${made}` as 'active'),
            })
          } else if (step.act === 'activate') {
            const next = keys.find((candidate) => candidate.kid === step.kid)
            assert.ok(next?.publishedAt && now - next.publishedAt.getTime() >= schedule.publishAheadMs)
            keys = keys.map((candidate) => {
              if (candidate.kid === step.retire) return { ...candidate, state: 'retired', retiredAt: at }
              return candidate.kid === step.kid ? { ...candidate, state: 'active', activeAt: at } : candidate
            })
          } else if (step.act === 'remove') {
            const old = keys.find((candidate) => candidate.kid === step.kid)
            assert.ok(old?.retiredAt && now - old.retiredAt.getTime() >= schedule.retainMs)
            keys = keys.map((candidate) =>
              candidate.kid === step.kid ? { ...candidate, state: 'removed' } : candidate,
            )
          } else {
            keys = keys.map((candidate) =>
              candidate.kid === step.kid ? { ...candidate, state: 'destroyed' } : candidate,
            )
          }
        }
        assert.equal(keys.filter((candidate) => candidate.state === 'active').length, 1)
        assert.ok(keys.filter((candidate) => candidate.state === 'published').length <= 1)
      }
    }),
  )
})
