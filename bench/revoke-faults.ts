// Revocations while networks, servers, processes and clocks misbehave: nothing may be accepted after the instant that the receipt
// states. Beside the verifiers that follow, each process has one that does not: a method that saw nothing would not count it either.
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestScope } from '../test/support/database.ts'
import type { BenchInstallation, BenchReplica } from './revoke-installation.ts'
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from './revoke-proxy.ts'
import { startVerifiers, type Usage, type VerifierProcess, type VerifierSettings } from './revoke-verifier-process.ts'

/** Verifiers per fault. */
export const VERIFIERS_PER_FAULT = 10
/** Lease of the services that are tested here. */
export const MAX_STALE_SECONDS = 2
/** How long accepts are looked for after the bound. */
const AFTER_BOUND_MS = 1_500
const RECOVERY_LIMIT_MS = 30_000

/** What a fault does it to. The follower's replica is the second one; revocations are made on the first. */
interface Scene {
  readonly proxy: FaultyProxy
  readonly verifiers: VerifierProcess
  readonly replica: BenchReplica
}

/** A fault: imposed before the revocation, and what happens after it. */
export interface Fault {
  readonly name: string
  readonly clocks: VerifierSettings['clocks']
  /** Others that run at the same time would be hit too. */
  readonly alone: boolean
  impose(scene: Scene): Promise<void> | void
  /** Begins when the revocation is committed. */
  proceed(scene: Scene): Promise<void> | void
  lift(scene: Scene): Promise<void> | void
}

const HOUR_MS = 3_600_000
const LONGER_THAN_A_LEASE_MS = MAX_STALE_SECONDS * 1000 + 700

function network(name: string, fault: ProxyFault): Fault {
  return {
    ...{ name, clocks: 'own', alone: false, proceed() {} },
    impose: ({ proxy }) => proxy.set(fault),
    lift: ({ proxy }) => proxy.set('pass'),
  }
}

/** The network is cut, so that nothing but the clock that is left ends the lease. */
function clock(name: string, clocks: 'wall' | 'all', jump: (verifiers: VerifierProcess) => Promise<void>): Fault {
  return {
    ...{ name, clocks, alone: false, proceed() {} },
    async impose({ proxy, verifiers }) {
      proxy.set('cut')
      await jump(verifiers)
    },
    async lift({ proxy, verifiers }) {
      await verifiers.jump({ wallMs: 0, stopMonotonic: false })
      proxy.set('pass')
    },
  }
}

function lagging(name: string, lagMs: number): Fault {
  return {
    ...{ name, clocks: 'own', alone: true, lift() {} },
    impose: ({ replica }) => replica.signal('SIGSTOP'),
    async proceed({ replica }) {
      await pause(lagMs)
      replica.signal('SIGCONT')
    },
  }
}

/** Every fault. */
export const FAULTS: readonly Fault[] = [
  network('stream cut', 'cut-streams'),
  network('all connections cut', 'cut'),
  network('all packets lost', 'lose'),
  network('old events replayed, leases lost', 'replay'),
  network('old events replayed, leases late', 'late'),
  {
    ...{ name: 'verifiers stopped, continued', clocks: 'own', alone: false },
    impose: ({ verifiers }) => verifiers.signal('SIGSTOP'),
    async proceed({ verifiers }) {
      await pause(LONGER_THAN_A_LEASE_MS)
      verifiers.signal('SIGCONT')
    },
    lift() {},
  },
  {
    ...{ name: 'stopped, continued in a cut network', clocks: 'own', alone: false },
    impose({ proxy, verifiers }) {
      proxy.set('cut')
      verifiers.signal('SIGSTOP')
    },
    async proceed({ verifiers }) {
      await pause(LONGER_THAN_A_LEASE_MS)
      verifiers.signal('SIGCONT')
    },
    lift: ({ proxy }) => proxy.set('pass'),
  },
  clock('wall clock 1 h forth', 'wall', (verifiers) => verifiers.jump({ wallMs: HOUR_MS })),
  clock('wall clock 1 h back', 'wall', (verifiers) => verifiers.jump({ wallMs: -HOUR_MS })),
  clock('wall clock 1 h back and forth', 'wall', async (verifiers) => {
    await verifiers.jump({ wallMs: -HOUR_MS })
    await pause(100)
    await verifiers.jump({ wallMs: 0 })
  }),
  clock('wall clock back with the lease', 'wall', async (verifiers) => {
    // As little as time synchronisation may set it back, again and again.
    for (let step = 1; step <= 3; step += 1) {
      await verifiers.jump({ wallMs: -300 * step })
      await pause(100)
    }
  }),
  clock('monotonic clock stands still', 'all', (verifiers) => verifiers.jump({ stopMonotonic: true })),
  lagging('replica lags within the lease', MAX_STALE_SECONDS * 500),
  lagging('replica lags beyond the lease', LONGER_THAN_A_LEASE_MS),
  {
    ...{ name: 'replica killed', clocks: 'own', alone: true, proceed() {} },
    impose: ({ replica }) => replica.kill(),
    lift: ({ replica }) => replica.start(),
  },
]

/** Names of the service, its audience and the workload that gets its tokens, for a fault. */
export function namesOf(index: number): {
  readonly service: string
  readonly audience: string
  readonly workload: string
} {
  return { service: `strict-${index}`, audience: `https://strict-${index}.acme.internal`, workload: `caller-${index}` }
}

/** What all rounds of a fault came to. */
export interface FaultResult {
  readonly name: string
  readonly rounds: number
  readonly accepted: number
  readonly acceptedPastBound: number
  /** Verifiers that accepted after the receipt says that they confirmed, or after their own lease. */
  readonly pastOwnLease: number
  /** The latest accept minus the bound. */
  readonly latestMs: number
  /** After SIGCONT; empty without. */
  readonly firstAfterStop: string
  readonly control: { readonly acceptedPastBound: number; readonly latestMs: number }
  /** How long the revocation took to commit, the longest. */
  readonly revokeMs: number
}

/** Runs every fault for some rounds; those that hit nobody else at the same time. */
export async function runFaults(
  scope: TestScope,
  input: { readonly installation: BenchInstallation; readonly workload: string; readonly rounds: number },
): Promise<readonly FaultResult[]> {
  const run = async (fault: Fault): Promise<FaultResult> => {
    const result = await runFault(scope, fault, input)
    process.stderr.write(`${fault.name}: ${result.acceptedPastBound} past the bound\n`)
    return result
  }
  const shared = FAULTS.filter(({ alone }) => !alone)
  const results: FaultResult[] = []
  for (let from = 0; from < shared.length; from += AT_A_TIME) {
    results.push(...(await Promise.all(shared.slice(from, from + AT_A_TIME).map(run))))
  }
  for (const fault of FAULTS.filter(({ alone }) => alone)) results.push(await run(fault))
  return results
}

const AT_A_TIME = 6

async function runFault(
  scope: TestScope,
  fault: Fault,
  {
    installation,
    workload,
    rounds,
  }: { readonly installation: BenchInstallation; readonly workload: string; readonly rounds: number },
): Promise<FaultResult> {
  const { issuer, proofs, replicas, proofOf } = installation
  const [, replica] = replicas
  const names = namesOf(FAULTS.indexOf(fault))
  const proxy = await startFaultyProxy(scope, replica.address)
  const verifiers = startVerifiers(
    scope,
    {
      ...{ issuer, servers: [fault.alone ? replica.address : proxy.address], clocks: fault.clocks },
      ...{ service: names.service, audience: names.audience, proofAudience: proofs.audience },
      ...{ verifiers: VERIFIERS_PER_FAULT, controls: 1 },
    },
    () => proofOf(workload),
  )
  await verifiers.ready()
  const outcomes: Round[] = []
  for (let attempt = 0; outcomes.length < rounds; attempt += 1) {
    if (attempt >= rounds * 3) throw new Error(`${fault.name}: the verifiers hold no leases`)
    const outcome = await runRound(fault, { proxy, verifiers, replica }, { installation, names })
    if (outcome) outcomes.push(outcome)
  }
  await verifiers.close()
  return summarise(fault, outcomes)
}

interface Round {
  readonly boundMs: number
  readonly committedMs: number
  readonly revokeMs: number
  readonly usages: readonly Usage[]
  readonly ownBounds: ReadonlyMap<string, number>
}

interface Receipt {
  readonly id: string
  readonly state: 'pending' | 'final'
  readonly effective_everywhere_at: string
  readonly committed_at: string
  readonly followers: readonly {
    readonly id: string
    readonly lease_until: string
    readonly confirmed_at: string | null
  }[]
}

async function runRound(
  fault: Fault,
  scene: Scene,
  { installation, names }: { readonly installation: BenchInstallation; readonly names: ReturnType<typeof namesOf> },
): Promise<Round | undefined> {
  const { verifiers } = scene
  const [revoker] = installation.replicas
  const token = await revoker.exchange(names.workload, names.audience)
  await verifiers.ready()
  await verifiers.accept(token)
  await verifiers.use(token)
  // Anywhere within the time between two renewals.
  await pause(100 + Math.random() * 700)
  await fault.impose(scene)
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }
  const sentAt = performance.now()
  const body = { kind: 'jti', value: jti, reason: 'bench', wait_seconds: 0 }
  const pending = (await revoker.administer('POST', '/v1/revocations', body)) as unknown as Receipt
  const revokeMs = performance.now() - sentAt
  const boundMs = Date.parse(pending.effective_everywhere_at)
  await fault.proceed(scene)
  // Nobody held a lease, as on a machine that is too busy: nothing was tested, and the bound is the expiry of the token.
  const isEmpty = pending.followers.length === 0
  if (!isEmpty) await pause(Math.max(0, boundMs + AFTER_BOUND_MS - Date.now()))
  const usages = await verifiers.used(boundMs)
  await fault.lift(scene)
  await recovered(fault, verifiers, token)
  const receipt = await finalReceipt(revoker, pending.id)
  if (isEmpty) return undefined
  const ownBounds = new Map(
    receipt.followers.map(({ id, lease_until: lease, confirmed_at: confirmed }) => [
      id.slice(id.indexOf('/') + 1),
      Date.parse(confirmed ?? lease),
    ]),
  )
  return { boundMs, committedMs: Date.parse(pending.committed_at), revokeMs, usages, ownBounds }
}

/** Whatever has happened, verifiers go on by themselves, and know of the revocation. */
async function recovered(fault: Fault, verifiers: VerifierProcess, token: string): Promise<void> {
  const deadline = performance.now() + RECOVERY_LIMIT_MS
  for (;;) {
    const verdicts = await verifiers.verdicts(token)
    if (verdicts.every((verdict) => verdict === 'token_revoked')) return
    if (verdicts.includes('accepted')) throw new Error(`${fault.name}: a revoked token is accepted again`)
    if (performance.now() > deadline) throw new Error(`${fault.name}: no recovery: ${verdicts.join(' ')}`)
    await pause(100)
  }
}

async function finalReceipt(replica: BenchReplica, id: string): Promise<Receipt> {
  const deadline = performance.now() + RECOVERY_LIMIT_MS
  for (;;) {
    const receipt = (await replica.administer('GET', `/v1/receipts/${id}`)) as unknown as Receipt
    if (receipt.state === 'final') return receipt
    if (performance.now() > deadline) throw new Error(`receipt ${id} stays pending`)
    await pause(100)
  }
}

function summarise({ name }: Fault, rounds: readonly Round[]): FaultResult {
  const of = (isControl: boolean) =>
    rounds.map((round) => ({ ...round, usages: round.usages.filter((usage) => usage.isControl === isControl) }))
  const total = (list: readonly Round[], value: (usage: Usage) => number) =>
    list.flatMap(({ usages }) => usages).reduce((sum, usage) => sum + value(usage), 0)
  const latest = (list: readonly Round[]) =>
    Math.max(...list.flatMap(({ boundMs, usages }) => usages.map((usage) => usage.lastAcceptedAtMs - boundMs)))
  const [following, controls] = [of(false), of(true)]
  const pastOwn = following.flatMap(({ usages, ownBounds, committedMs }) =>
    // One that the receipt does not name held no lease at the commit.
    usages.filter(({ instance, lastAcceptedAtMs }) => lastAcceptedAtMs > (ownBounds.get(instance) ?? committedMs)),
  )
  return {
    name,
    rounds: rounds.length,
    accepted: total(following, ({ accepted }) => accepted),
    acceptedPastBound: total(following, ({ acceptedPastBound }) => acceptedPastBound),
    pastOwnLease: pastOwn.length,
    latestMs: latest(following),
    firstAfterStop: [...new Set(following.flatMap(({ usages }) => usages.map((usage) => usage.firstAfterStop)))]
      .filter((verdict) => verdict !== '')
      .join(', '),
    control: {
      acceptedPastBound: total(controls, ({ acceptedPastBound }) => acceptedPastBound),
      latestMs: latest(controls),
    },
    revokeMs: Math.max(...rounds.map((round) => round.revokeMs)),
  }
}
