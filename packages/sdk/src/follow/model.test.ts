// The protocol, explored before it is wired (issue 4 part 3): the real follower among modelled replicas, a revoker, a network and
// clocks. Long runs: FOLLOW_MODEL_RUNS=200000 node --conditions=source --test packages/sdk/src/follow/model.test.ts
import process from 'node:process'
import { test } from 'node:test'
import fc from 'fast-check'
import { LEASE_MS, STEP_WEIGHTS, type Step, type StepKind, World } from './model.fixture.ts'

const RUNS = Number(process.env['FOLLOW_MODEL_RUNS'] ?? 1_500)

const duration = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 50 }) },
  { weight: 4, arbitrary: fc.integer({ min: 50, max: LEASE_MS }) },
  // Around the end of a lease.
  { weight: 3, arbitrary: fc.integer({ min: LEASE_MS - 700, max: LEASE_MS + 700 }) },
  { weight: 1, arbitrary: fc.integer({ min: LEASE_MS, max: 20 * LEASE_MS }) },
)

const kind = fc.oneof(
  ...(Object.entries(STEP_WEIGHTS) as [StepKind, number][]).map(([what, weight]) => ({
    weight,
    arbitrary: fc.constant(what),
  })),
)

const step: fc.Arbitrary<Step> = fc.record({
  what: kind,
  a: fc.nat({ max: 1000 }),
  b: fc.nat({ max: 1000 }),
  ms: duration,
  observe: fc.boolean(),
})

// Up to 1 % fast or slow.
const rate = fc.double({ min: 0.9901, max: 1.0099, noNaN: true })

function explore(runs: number, kinds?: readonly StepKind[]): void {
  fc.assert(
    fc.property(
      fc.array(rate, { minLength: 1, maxLength: 3 }),
      fc.array(step, { minLength: 5, maxLength: 120, size: 'max' }),
      (rates, steps) => {
        const world = new World(rates)
        for (const taken of steps) {
          if (kinds === undefined || kinds.includes(taken.what)) world.take(taken)
        }
        world.observe()
        world.assertRecovers()
      },
    ),
    { numRuns: runs },
  )
}

test('invariant 7, V-20: no follower accepts a revoked token past effective_everywhere_at, forgets a revocation, or stays without a lease', () => {
  explore(RUNS)
})

// Fewer kinds of steps reach further into what they are about.
const PARTS: Readonly<Record<string, readonly StepKind[]>> = {
  'leases and clocks': [
    'pass',
    'revoke',
    'setMaxStale',
    'renew',
    'send',
    'serve',
    'repeat',
    'deliver',
    'setClock',
    'suspend',
  ],
  'lagging replicas and the event stream': [
    'pass',
    'issue',
    'revoke',
    'change',
    'purge',
    'follow',
    'exchange',
    'renew',
    'stream',
    'forge',
  ],
  'restarts and files': [
    'pass',
    'revoke',
    'renew',
    'setClock',
    'saveSnapshot',
    'stopAndStart',
    'crash',
    'stopForGood',
    'reboot',
    'restoreFile',
  ],
  'restored databases': [
    'pass',
    'revoke',
    'change',
    'follow',
    'renew',
    'exchange',
    'restoreDatabase',
    'send',
    'serve',
    'deliver',
    'stream',
  ],
}

for (const [part, kinds] of Object.entries(PARTS)) {
  test(`invariant 7: the same, of ${part} alone`, () => explore(RUNS, kinds))
}
