import { randomBytes } from 'node:crypto'
import { notify } from '../credentials/notify.ts'
import { CountersignError } from '../errors.ts'
import type { RevocationVerdict, VerifiedToken } from '../verify/index.ts'
import { createFollowerState } from './follower-state.ts'
import type { Instant } from './lease.ts'
import type { FeedPage } from './lease-answer.ts'
import { openMachineClock } from './machine-clock.ts'
import { readFollowerOptions } from './options.ts'
import { type AcceptedWithoutLease, createRenewal } from './renewal.ts'
import { type RevocableToken, readRevocableToken } from './revocable-token.ts'
import { openSnapshotFile } from './snapshot-file.ts'
import { createSnapshotKeeper } from './snapshot-keeper.ts'
import { followStream } from './stream-reader.ts'
import { createTransport } from './transport.ts'
import type { Follower, FollowerEvent, FollowerOptions } from './types.ts'

const TICK_MS = 1000
const DEFAULT_READY_MS = 10_000
const MAX_RETRY_MS = 5000
/**
 * How long news waits for more of it, and how far the verifiers of one server are spread. The news itself is in force at once: what
 * hundreds of them ask for then must not compete with what the server still has to send to the others.
 */
const WAKE_MIN_MS = 150
const WAKE_SPREAD_MS = 250

/**
 * A follower of a server's revocations, for the verifiers of this process. While it holds a lease, a token is judged without asking
 * anybody; a revocation ends a token here at once when the event stream is open, and by the end of the lease whatever happens to the
 * network, the server, this process or its clocks (design section 8; V-20). Timers do not keep the process alive.
 *
 * The workload needs a trust policy that grants `verify:SERVICE` on the management audience.
 *
 * @throws CountersignError `configuration_invalid`
 * @example
 * const credentials = createCredentialClient({ server, audience: managementAudience, scope: 'verify:orders-api' })
 * const revocations = createFollower({ server, service: 'orders-api', credentials })
 * const verifier = createTokenVerifier({ issuer: server, audience: 'https://orders.acme.internal', revocations })
 */
export function createFollower(options: FollowerOptions): Follower {
  const settings = readFollowerOptions(options)
  const { server, service, timeoutMs } = settings
  const { now, monotonicMs, onEvent, credentials } = options
  const instance = randomBytes(16).toString('base64url')
  const closing = new AbortController()
  const wallMs = now === undefined ? Date.now : () => now().getTime()
  const monoMs = monotonicMs ?? (() => performance.now())
  // A clock that is given stands for the machine: its own would contradict.
  const machine = openMachineClock(monotonicMs === undefined)
  const snapshot = createSnapshotKeeper({
    file: settings.snapshotFile === undefined ? undefined : openSnapshotFile(settings.snapshotFile, settings),
    bootId: machine.bootId,
    onFailed: (reason) => tell({ type: 'snapshot_failed', reason }),
  })
  const state = createFollowerState(snapshot.restore(instant()))
  let held = false
  let accepted: { count: number; firstAt: Date; lastAt: Date } | undefined
  let acceptedInAll = 0
  let streaming = false
  let seenHead = 0
  let timer: NodeJS.Timeout | undefined
  let timerDueMs = Number.POSITIVE_INFINITY
  let ended: Promise<void> | undefined
  const waiters = new Set<() => void>()

  const transport = createTransport({
    server,
    instance,
    credentials,
    fetch: options.fetch ?? fetch,
    timeoutMs,
    closing: closing.signal,
  })
  const renewal = createRenewal({
    state,
    transport,
    service,
    instant,
    acceptedWithoutLease: () => accepted && ({ ...accepted } satisfies AcceptedWithoutLease),
    told(count) {
      if (accepted !== undefined) accepted.count -= count
      if (accepted !== undefined && accepted.count <= 0) accepted = undefined
    },
    onGranted: noteLease,
    onHistoryChanged: () => tell({ type: 'history_changed' }),
    onFailed(error, status) {
      if (closing.signal.aborted) return
      tell({ type: 'renewal_failed', error, ...(status !== undefined && { status }) })
      noteLease()
    },
  })

  function tell(event: FollowerEvent): void {
    if (onEvent !== undefined) notify(() => onEvent(event))
  }

  /** Every clock; the third one is too dear to be read for a token. */
  function instant(): Instant {
    return { monoMs: monoMs(), wallMs: wallMs(), bootMs: machine.bootMs() }
  }

  function noteLease(): void {
    const holds = state.holdsLease(instant())
    if (holds && !held) tell({ type: 'lease_gained', applied: state.applied })
    if (!holds && held) tell({ type: 'lease_lost' })
    held = holds
    if (holds) for (const resolve of waiters) resolve()
  }

  function schedule(delayMs: number): void {
    const dueMs = performance.now() + delayMs
    if (closing.signal.aborted || dueMs >= timerDueMs) return
    clearTimeout(timer)
    timerDueMs = dueMs
    timer = setTimeout(async () => {
      timerDueMs = Number.POSITIVE_INFINITY
      // One that is under way may have been answered before the news that this one is for.
      await renewal.running
      await renewNow()
    }, delayMs).unref()
  }

  /** Renews, or joins what is under way, and plans the next time. Never rejects. */
  async function renewNow(): Promise<void> {
    const granted = await renewal.renew()
    const { lease } = state
    // At a third of the lease, so that two renewals may fail before it ends.
    const regularMs =
      granted && lease !== undefined ? lease.leaseMs / 3 : Math.min(500 * 2 ** renewal.failures, MAX_RETRY_MS)
    schedule(regularMs * (0.9 + 0.2 * Math.random()))
  }

  /** Applies what is new soon, together with whatever else comes by then. */
  function wake(): void {
    schedule(WAKE_MIN_MS + WAKE_SPREAD_MS * Math.random())
  }

  function onPage(page: FeedPage): void {
    const isNew = state.hasten(page)
    const isAhead = page.head > Math.max(seenHead, state.applied)
    seenHead = Math.max(seenHead, page.head)
    // Whatever else a stream repeats is no reason to ask.
    if (isNew || isAhead) wake()
  }

  // Also what a suspended or stopped process does first when it goes on.
  const tick = setInterval(() => {
    const before = held
    noteLease()
    if (before && !held) wake()
    snapshot.keep(state)
  }, TICK_MS).unref()

  function judge(token: RevocableToken): RevocationVerdict | undefined {
    const verdict = state.judge(token, { monoMs: monoMs(), wallMs: wallMs() })
    // Two verifiers share this follower, or it was given to one of another issuer: revoked is revoked, and nothing is accepted.
    if (verdict === undefined && !state.mayJudge(token)) {
      throw new CountersignError('token_not_revocable', { reason: 'it is for another service than the follower' })
    }
    // An answer that came while closing is no lease.
    return verdict === 'accepted' && closing.signal.aborted ? undefined : verdict
  }

  const holdsLease = (): boolean => state.holdsLease(instant()) && !closing.signal.aborted

  /** One request for a lease that every token waits for together, for a bounded time. */
  async function askForLease(): Promise<void> {
    const late = Promise.withResolvers<void>()
    const limit = setTimeout(late.resolve, timeoutMs)
    await Promise.race([renewNow(), late.promise])
    clearTimeout(limit)
  }

  function acceptWithoutLease(tokenId: string): boolean {
    if (closing.signal.aborted || options.onUnavailable === 'deny' || !state.acceptsWithoutLease()) return false
    const at = new Date(wallMs())
    accepted = { count: (accepted?.count ?? 0) + 1, firstAt: accepted?.firstAt ?? at, lastAt: at }
    acceptedInAll++
    tell({ type: 'accepted_without_lease', tokenId })
    return true
  }

  async function end(): Promise<void> {
    const memory = state.memory()
    const holds = state.holdsLease(instant())
    // First of all: whatever becomes of the lease, it is not used here any more, and nothing more is confirmed to the server.
    state.endLease()
    closing.abort()
    clearTimeout(timer)
    clearInterval(tick)
    for (const resolve of waiters) resolve()
    const left = await snapshot.leave({ ...memory, lease: holds ? memory.lease : undefined })
    machine.close()
    // A lease that the next process goes on with must stay known to the server.
    if (holds && !left) await transport.endLease()
  }

  noteLease()
  schedule(0)
  if (options.stream !== false) {
    void followStream({
      transport,
      closing: closing.signal,
      applied: () => state.applied,
      onPage,
      onOpened() {
        streaming = true
        tell({ type: 'stream_opened' })
      },
      onClosed(error, status) {
        streaming = false
        tell({ type: 'stream_closed', ...(error && { error }), ...(status !== undefined && { status }) })
        // It may have held back what is new.
        wake()
      },
    })
  }

  return {
    checkSync: (token: VerifiedToken) => judge(readRevocableToken(token)),
    async check(token: VerifiedToken) {
      const revocable = readRevocableToken(token)
      const verdict = judge(revocable)
      if (verdict !== undefined) return verdict
      noteLease()
      if (!closing.signal.aborted && renewal.mayAsk()) await askForLease()
      const second = judge(revocable)
      if (second !== undefined) return second
      if (acceptWithoutLease(revocable.tokenIds[0] ?? '')) return 'accepted'
      throw new CountersignError('revocation_unavailable')
    },
    async ready({ timeoutMs: limitMs = DEFAULT_READY_MS } = {}) {
      const done = Promise.withResolvers<void>()
      const limit = setTimeout(done.resolve, limitMs)
      waiters.add(done.resolve)
      if (closing.signal.aborted || holdsLease()) done.resolve()
      await done.promise
      waiters.delete(done.resolve)
      clearTimeout(limit)
      if (!holdsLease()) throw new CountersignError('revocation_unavailable')
    },
    state() {
      const { lease } = state
      return {
        instance,
        applied: state.applied,
        holdsLease: holdsLease(),
        leaseEndsAt: lease && new Date(lease.sent.wallMs + lease.leaseMs),
        onUnavailable: options.onUnavailable ?? state.onUnavailable,
        revocations: state.revocations.size,
        streaming,
        acceptedWithoutLease: acceptedInAll,
      }
    },
    close() {
      ended ??= end()
      return ended
    },
  }
}
