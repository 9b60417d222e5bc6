// From the sending of a revocation to the refusal by each of 500 verifiers on two replicas (design section 12).
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { cpuMsOf, cpuMsOfTree } from './process-cpu.ts'
import type { BenchInstallation } from './revoke-installation.ts'
import type { VerifierProcess } from './revoke-verifier-process.ts'

/** Tokens of `service` for `audience` are what is revoked. */
export interface TrialsInput {
  readonly installation: BenchInstallation
  readonly processes: readonly VerifierProcess[]
  readonly audience: string
  /** The workload that the tokens are of, and its policy. */
  readonly workload: string
  readonly policy: string
  readonly trials: number
}

/** How long something took in milliseconds, over all trials. */
export interface Latencies {
  readonly what: string
  readonly valuesMs: readonly number[]
}

/** What all trials came to. */
export interface TrialsResult {
  readonly refusals: readonly Latencies[]
  /** CPU milliseconds per trial. */
  readonly cpuMs: { readonly servers: number; readonly database: number; readonly verifiers: number }
  /** Of both servers and the database together while nothing is revoked: 500 verifiers that renew, per second. */
  readonly idleCpuMsPerSecond: number
  /** The longest time between two looks at a verifier. */
  readonly largestGapMs: number
  readonly perTrialMs: number
}

/** Revocations before the ones that count: a service runs for weeks, a benchmark for minutes. */
const WARM_UP = 10
/** Longer than any renewal of a lease of 30 seconds. */
const IDLE_MS = 11_500
const KINDS = ['jti', 'jti', 'jti', 'workload', 'jti', 'jti', 'policy', 'jti', 'jti', 'subject'] as const

interface Receipt {
  readonly id: string
  readonly state: string
  readonly committed_at: string
  readonly followers: readonly { readonly confirmed_at: string | null }[]
}

/** Runs the trials, one after the other: half of them revoke on each replica, and half of the verifiers follow each. */
export async function runTrials(input: TrialsInput): Promise<TrialsResult> {
  const { installation, processes, audience, workload, trials } = input
  const { replicas, postgresPid } = installation
  const groups = new Map<string, number[]>()
  const note = (what: string, values: readonly number[]) => {
    const known = groups.get(what)
    if (known) for (const value of values) known.push(value)
    else groups.set(what, [...values])
  }
  const cpu = () => ({
    servers: replicas.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0),
    database: cpuMsOfTree(postgresPid),
    verifiers: processes.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0),
  })
  let before = cpu()
  let idleMs = 0
  let largestGapMs = 0
  let startedAt = performance.now()
  for (let trial = -WARM_UP; trial < trials; trial += 1) {
    if (trial === 0) {
      groups.clear()
      largestGapMs = 0
      const idleBefore = cpu()
      await pause(IDLE_MS)
      before = cpu()
      idleMs = before.servers + before.database - idleBefore.servers - idleBefore.database
      startedAt = performance.now()
    }
    if (trial % 20 === 0) process.stderr.write(`revocation ${trial} of ${trials} ...\n`)
    const revoker = Math.abs(trial % 2)
    const kind = KINDS[Math.abs(trial % KINDS.length)] ?? 'jti'
    const token = await replicas[1 - revoker === 0 ? 0 : 1].exchange(workload, audience)
    await Promise.all(processes.map((verifiers) => verifiers.accept(token)))
    await Promise.all(processes.map((verifiers) => verifiers.watch(token)))
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, string>
    const value = { jti: claims['jti'], workload: claims['client_id'], subject: claims['sub'], policy: input.policy }[
      kind
    ]
    const sentAtWallMs = Date.now()
    const sentAtMs = Number(process.hrtime.bigint()) / 1e6
    const body = { kind, value, reason: 'bench', wait_seconds: 30 }
    const [receipt, ...refusals] = await Promise.all([
      replicas[revoker === 0 ? 0 : 1].administer('POST', '/v1/revocations', body).then((answer) => ({
        ...(answer as unknown as Receipt),
        finalMs: Number(process.hrtime.bigint()) / 1e6 - sentAtMs,
      })),
      ...processes.map((verifiers) => verifiers.refusals()),
    ])
    if (receipt.state !== 'final') throw new Error(`receipt ${receipt.id} is ${receipt.state}`)
    if (receipt.followers.some((follower) => follower.confirmed_at === null)) {
      throw new Error(`receipt ${receipt.id} has followers that did not confirm`)
    }
    const took = refusals.map(({ refusedAtMs }) => refusedAtMs.map((atMs) => atMs - sentAtMs))
    note('commit of a trial', [Date.parse(receipt.committed_at) - sentAtWallMs])
    note('first of a trial', [Math.min(...took.flat())])
    note('receipt is final', [receipt.finalMs])
    note('all refusals', took.flat())
    // Verifier i of a process follows replica i % 2.
    note(
      'same replica',
      took.flatMap((process) => process.filter((_, index) => index % 2 === revoker)),
    )
    note(
      'other replica',
      took.flatMap((process) => process.filter((_, index) => index % 2 !== revoker)),
    )
    note(`kind ${kind}`, took.flat())
    note('slowest of a trial', [Math.max(...took.flat())])
    for (const { largestGapMs: gap } of refusals) largestGapMs = Math.max(largestGapMs, gap)
  }
  const elapsedMs = performance.now() - startedAt
  const after = cpu()
  const order = [
    'all refusals',
    'same replica',
    'other replica',
    'commit of a trial',
    'first of a trial',
    'slowest of a trial',
    'receipt is final',
  ]
  const names = [...order, ...[...groups.keys()].filter((name) => !order.includes(name)).sort()]
  return {
    refusals: names.map((what) => ({ what, valuesMs: groups.get(what) ?? [] })),
    cpuMs: {
      servers: (after.servers - before.servers) / trials,
      database: (after.database - before.database) / trials,
      verifiers: (after.verifiers - before.verifiers) / trials,
    },
    idleCpuMsPerSecond: (idleMs * 1000) / IDLE_MS,
    largestGapMs,
    perTrialMs: elapsedMs / trials,
  }
}
