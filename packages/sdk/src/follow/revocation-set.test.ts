import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RevocableToken } from './revocable-token.ts'
import { createRevocationSet, MAX_EARLY_ENTRIES, REVOCATION_KINDS, type Revocation } from './revocation-set.ts'

const token: RevocableToken = {
  tokenIds: ['j'],
  keyIds: ['k'],
  subjects: ['s'],
  workloadIds: ['w'],
  policyId: 'p',
  providerIds: ['t'],
  serviceId: 'v',
  revision: 5,
  issuedAtMs: 50,
  expiresAtMs: 1000,
}

const jti = (value: string, changes: Partial<Revocation> = {}): Revocation => ({
  kind: 'jti',
  value,
  upToRevision: null,
  issuedBeforeMs: null,
  expiresAtMs: 1000,
  ...changes,
})

const revocation: fc.Arbitrary<Revocation> = fc.constantFrom(...REVOCATION_KINDS).chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    value: fc.constantFrom('j', 'k', 's', 'w', 'p', 't', 'v', 'x'),
    upToRevision: fc.option(fc.nat({ max: 10 })),
    issuedBeforeMs: kind === 'issued_before' ? fc.nat({ max: 100 }) : fc.constant(null),
    expiresAtMs: fc.integer({ min: 500, max: 1500 }),
  }),
)

test('T23: the order, repetition and way of coming of revocations makes no difference to what is refused', () => {
  fc.assert(
    fc.property(
      fc.array(revocation),
      fc.infiniteStream(fc.nat()),
      fc.nat({ max: 10 }),
      (revocations, numbers, revision) => {
        const once = createRevocationSet()
        for (const entry of revocations) once.add(entry)
        const mixed = createRevocationSet()
        const shuffled = revocations
          .map((entry) => ({ entry, at: numbers.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
        for (const { entry, at } of shuffled) {
          if (at % 2 === 0) mixed.addEarly(entry)
          if (at % 3 === 0) mixed.add(entry)
          mixed.add(entry)
        }
        const asked = { ...token, revision }
        assert.equal(mixed.covers(asked), once.covers(asked))
        // Each alone ends at most what all of them end.
        for (const entry of revocations) {
          const alone = createRevocationSet()
          alone.add(entry)
          if (alone.covers(asked)) assert.ok(once.covers(asked))
        }
        const restored = createRevocationSet()
        for (const entry of once.entries()) restored.add(entry)
        assert.equal(restored.covers(asked), once.covers(asked))
      },
    ),
    { numRuns: 500 },
  )
})

test('invariant 7: dropping what has expired never makes a refused token accepted', () => {
  fc.assert(
    fc.property(
      fc.array(revocation),
      fc.integer({ min: 0, max: 1600 }),
      fc.integer({ min: 1, max: 1500 }),
      (revocations, upToMs, expiresAtMs) => {
        // A revocation is kept until every token that it concerns has expired; this is what a server promises.
        const kept = revocations.map((entry) => ({ ...entry, expiresAtMs: Math.max(entry.expiresAtMs, expiresAtMs) }))
        const set = createRevocationSet()
        for (const entry of kept) set.add(entry)
        const asked = { ...token, expiresAtMs }
        const before = set.covers(asked)
        set.dropExpired(upToMs)
        if (before) assert.ok(set.covers(asked))
        // Going back is no going back.
        set.dropExpired(0)
        assert.equal(set.expiredUpToMs, upToMs)
      },
    ),
    { numRuns: 500 },
  )
})

test('memory: revocations of tokens that have expired leave the set, and late ones do not come in', () => {
  const set = createRevocationSet()
  for (let index = 0; index < 100; index++) set.add(jti(`j${index}`, { expiresAtMs: index }))
  set.dropExpired(49)
  assert.equal(set.size, 50)
  set.add(jti('late', { expiresAtMs: 49 }))
  assert.equal(set.addEarly(jti('later', { expiresAtMs: 49 })), false)
  assert.equal(set.size, 50)
})

test('memory: entries that only the event stream knows are bounded, and the feed is not', () => {
  const set = createRevocationSet()
  for (let index = 0; index < MAX_EARLY_ENTRIES + 10; index++) set.addEarly(jti(`forged-${index}`))
  assert.equal(set.size, MAX_EARLY_ENTRIES)
  assert.equal(set.addEarly(jti('j')), false)
  assert.equal(set.covers(token), false)
  set.add(jti('j'))
  assert.equal(set.covers(token), true)
  // What the feed confirms makes room again.
  set.add(jti('forged-0'))
  assert.equal(set.addEarly(jti('next')), true)
})

test('addEarly says whether it made anything stricter', () => {
  const set = createRevocationSet()
  const policy = (upToRevision: number): Revocation => ({ ...jti('p'), kind: 'policy', upToRevision })
  assert.equal(set.addEarly(policy(5)), true)
  assert.equal(set.addEarly(policy(5)), false)
  assert.equal(set.addEarly(policy(4)), false)
  assert.equal(set.addEarly(policy(6)), true)
})

test('an expiry that is no number is refused', () => {
  assert.equal(createRevocationSet().covers({ ...token, expiresAtMs: Number.NaN }), true)
})
