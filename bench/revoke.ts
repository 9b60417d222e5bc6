// Revocation: how long until every verifier refuses, and that none accepts past its lease, whatever happens (design sections 8 and 12).
import process from 'node:process'
import type { TestScope } from '../test/support/database.ts'
import { ORDERS_AUDIENCE, type ProofIssuer } from '../test/support/proofs.ts'
import { documentsWithWorkloads, type WorkloadGrant } from '../test/support/workloads.ts'
import type { Bar, BenchResult } from './report.ts'
import {
  FAULTS,
  type FaultResult,
  MAX_STALE_SECONDS,
  namesOf,
  runFaults,
  VERIFIERS_PER_FAULT,
} from './revoke-faults.ts'
import { type BenchInstallation, installReplicas } from './revoke-installation.ts'
import { runTrials, type TrialsResult } from './revoke-trials.ts'
import { startVerifiers, type VerifierProcess } from './revoke-verifier-process.ts'

const PROCESSES = 4
/** Fewer of each only while the bench itself is worked on: what is recorded has the full numbers. */
const TRIALS = numberFrom('BENCH_REVOKE_TRIALS', 200)
const VERIFIERS = numberFrom('BENCH_REVOKE_VERIFIERS', 500)
const ROUNDS = numberFrom('BENCH_REVOKE_ROUNDS', 3)
const P99_LIMIT_MS = 250
/** Of all of it: far more than it takes, also where the machine is shared. */
const TIME_LIMIT_MS = 1_200_000
const DEPLOYER = 'deployer'
const STRICT_VERIFIER = 'strict-verifier'

function numberFrom(name: string, usual: number): number {
  const given = process.env[name]
  return given === undefined ? usual : Number(given)
}

/** Runs the trials, then the faults. */
export async function run(): Promise<BenchResult> {
  const works: (() => Promise<void> | void)[] = []
  const scope: TestScope = { after: (work) => void works.push(work) }
  const end = async () => {
    for (let work = works.pop(); work; work = works.pop()) await work()
  }
  const stop = () => void end().finally(() => process.exit(130))
  const limit = setTimeout(() => {
    process.stderr.write('error: the benchmark takes too long\n')
    stop()
  }, TIME_LIMIT_MS)
  process.once('SIGINT', stop).once('SIGTERM', stop)
  // Each process that is started is ended with this one.
  process.setMaxListeners(100)
  try {
    process.stderr.write('starting PostgreSQL, two servers ...\n')
    const installation = await installReplicas(scope, documentsFor)
    const processes = await startProcesses(scope, installation)
    const trials = await runTrials({
      ...{ installation, processes, audience: ORDERS_AUDIENCE, trials: TRIALS },
      ...{ workload: DEPLOYER, policy: `policy-${DEPLOYER}` },
    })
    await Promise.all(processes.map((verifiers) => verifiers.close()))
    const faults = await runFaults(scope, { installation, workload: STRICT_VERIFIER, rounds: ROUNDS })
    return toResult(trials, faults)
  } finally {
    clearTimeout(limit)
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await end()
  }
}

function documentsFor(proofs: ProofIssuer): string {
  const strict = FAULTS.map((_, index) => namesOf(index))
  const services = strict.map(({ service, audience }) => ({
    ...{ name: service, audience, scopes: ['things:read'] },
    verification: { maxStale: `${MAX_STALE_SECONDS}s` },
  }))
  const management = (...scopes: readonly string[]): WorkloadGrant => ({ service: 'countersign-management', scopes })
  return documentsWithWorkloads(proofs, services, {
    [DEPLOYER]: { service: 'orders-api', scopes: ['orders:deploy'] },
    ...Object.fromEntries(
      Array.from({ length: PROCESSES }, (_, index) => [`verifier-${index}`, management('verify:orders-api')]),
    ),
    [STRICT_VERIFIER]: management(...strict.map(({ service }) => `verify:${service}`)),
    ...Object.fromEntries(strict.map(({ workload, service }) => [workload, { service, scopes: ['things:read'] }])),
  })
}

async function startProcesses(scope: TestScope, installation: BenchInstallation): Promise<readonly VerifierProcess[]> {
  const { issuer, proofs, replicas, proofOf } = installation
  process.stderr.write(`starting ${VERIFIERS} verifiers in ${PROCESSES} processes ...\n`)
  const processes = Array.from({ length: PROCESSES }, (_, index) =>
    startVerifiers(
      scope,
      {
        ...{ issuer, servers: replicas.map(({ address }) => address), clocks: 'own' },
        ...{ service: 'orders-api', audience: ORDERS_AUDIENCE, proofAudience: proofs.audience },
        ...{ verifiers: VERIFIERS / PROCESSES, controls: 0 },
      },
      () => proofOf(`verifier-${index}`),
    ),
  )
  await Promise.all(processes.map((verifiers) => verifiers.ready()))
  return processes
}

const round = (value: number) => Math.round(value * 10) / 10

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

function toResult(trials: TrialsResult, faults: readonly FaultResult[]): BenchResult {
  const latencies = trials.refusals.map(({ what, valuesMs }) => {
    const sorted = valuesMs.toSorted((one, other) => one - other)
    return {
      what,
      n: sorted.length,
      'p50 ms': round(quantile(sorted, 0.5)),
      'p99 ms': round(quantile(sorted, 0.99)),
      'max ms': round(sorted.at(-1) ?? Number.NaN),
    }
  })
  const faultRows = faults.flatMap((fault) => ({
    ...{
      what: fault.name,
      n: fault.rounds * VERIFIERS_PER_FAULT,
      accepts: fault.accepted,
      'past bound': fault.acceptedPastBound,
    },
    ...{ 'latest - bound ms': fault.latestMs, 'after SIGCONT': fault.firstAfterStop },
  }))
  const blind = faults.filter(({ control }) => control.acceptedPastBound === 0)
  if (blind.length > 0) throw new Error(`the controls are not seen: ${blind.map(({ name }) => name).join(', ')}`)
  const control = {
    ...{ what: 'control: no follower, same faults', n: faults.reduce((sum, fault) => sum + fault.rounds, 0) },
    'past bound': faults.reduce((sum, fault) => sum + fault.control.acceptedPastBound, 0),
    'latest - bound ms': Math.max(...faults.map((fault) => fault.control.latestMs)),
  }
  const bars: Bar[] = [
    { name: 'revoke.p99_ms', value: latencies[0]?.['p99 ms'] ?? Number.NaN, unit: 'ms', limit: P99_LIMIT_MS },
    {
      name: 'revoke.accepted_past_lease',
      value: faults.reduce((sum, fault) => sum + fault.acceptedPastBound + fault.pastOwnLease, 0),
      unit: '',
      limit: 0,
    },
  ]
  const { servers, database, verifiers } = trials.cpuMs
  return {
    rows: [...latencies, ...faultRows, control],
    bars,
    notes: [
      `${TRIALS} revocations after 10 for warming up, ${VERIFIERS} verifiers, each with a follower, in ${PROCESSES} processes on two replicas; measured from before the request is sent to the first refusal, by the one monotonic clock of the machine`,
      `each verifier is asked every 5 ms at best (longest pause ${round(trials.largestGapMs)} ms, while its process did other work), so a refusal is seen late by that, never early`,
      `CPU per revocation: servers ${round(servers)} ms, database ${round(database)} ms, verifiers and their polling ${round(verifiers)} ms; ${round(trials.perTrialMs)} ms in all per trial; with nothing revoked, servers and database use ${round(trials.idleCpuMsPerSecond)} ms per second`,
      `faults: leases of ${MAX_STALE_SECONDS} s, ${VERIFIERS_PER_FAULT} verifiers that are asked without pause; bound: effective_everywhere_at of the receipt; the longest revocation under a fault took ${round(Math.max(...faults.map(({ revokeMs }) => revokeMs)))} ms`,
      `accepted_past_lease also counts verifiers that accepted after their own confirmation or lease in the final receipt: ${faults.reduce((sum, fault) => sum + fault.pastOwnLease, 0)}`,
    ],
  }
}
