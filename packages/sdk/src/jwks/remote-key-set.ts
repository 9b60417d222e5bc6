import { createBoundedMap } from '../bounded-map.ts'
import { CountersignError, isCountersignError } from '../errors.ts'
import {
  createKeyTable,
  type KeySource,
  type KeyTable,
  parseKeySet,
  readAlgorithms,
  requireKey,
} from '../keys/index.ts'
import { differenceOf } from './key-set-change.ts'
import { type KeySetAlarm, type RemoteKeySetOptions, readUrlRules } from './remote-options.ts'
import { type FetchTarget, parseFetchUrl, parseIssuerUrl } from './url.ts'

/** Longest accepted key set document, in bytes (J-06). */
export const MAX_JWKS_BYTES = 524_288

const FRESH_MS = 10 * 60_000
const STALE_MS = 24 * 60 * 60_000
const COOLDOWN_MS = 30_000
const FIRST_RETRY_MS = 1000
/** How long after a failed refresh stale keys are answered from at once; later the next caller waits for a new attempt. */
const FAILURE_RECENT_MS = 2 * COOLDOWN_MS
/** Kids that are remembered as unknown, in each of two generations. */
const UNKNOWN_KIDS = 1000

/**
 * The keys of one issuer, fetched and kept (J-08 to J-11, J-14): fresh for 10 minutes, served for up to 24 hours while
 * the issuer cannot be reached, never replaced by an error. An unknown kid causes at most one fetch per 30 seconds,
 * whatever the number of tokens; nothing that a token says but its kid ever causes one. Nothing is fetched before the
 * first use.
 *
 * @throws CountersignError `configuration_invalid` or `url_refused` when the options cannot be used.
 * @example
 * const keys = createRemoteKeySet({ issuer: 'https://token.actions.githubusercontent.com', onAlarm: (alarm) => log.warn(alarm) })
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): KeySource {
  const { issuer, now, onAlarm, onChange } = options
  const algorithms = readAlgorithms(options.algorithms)
  const rules = readUrlRules(options)
  const fixedTarget = options.jwksUri === undefined ? undefined : parseFetchUrl(options.jwksUri, rules)
  if (typeof issuer !== 'string' || issuer === '') {
    throw new CountersignError('configuration_invalid', { reason: '"issuer" must be a non-empty string' })
  }
  if (fixedTarget === undefined) parseIssuerUrl(issuer, rules)

  const clock = (): number => (now === undefined ? Date.now() : now().getTime())
  const closing = new AbortController()
  const unknownKids = createBoundedMap<number>(UNKNOWN_KIDS)
  let table: KeyTable | undefined
  let loadedAt = 0
  let lastStartedAt: number | undefined
  let failures = 0
  let failedAt = 0
  let lastError: CountersignError | undefined
  let started = 0
  let applied = 0
  let inFlight: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  // Refresh ahead of the end of freshness, at a moment of its own, so that replicas do not call together.
  let aheadMs = jittered()

  function age(): number {
    const value = clock() - loadedAt
    // A clock that was set back, or is broken, makes keys stale, never eternal.
    return value >= 0 ? value : STALE_MS
  }

  /** The keys that may be answered from now. Stale ones only while refreshing fails. */
  function usable(): KeyTable | undefined {
    if (table === undefined) return undefined
    const value = age()
    if (value < FRESH_MS) return table
    const sinceFailure = clock() - failedAt
    const failing = failures > 0 && sinceFailure >= 0 && sinceFailure < FAILURE_RECENT_MS
    return failing && value < STALE_MS ? table : undefined
  }

  /** Whether the issuer may be asked again: never sooner than the cooldown, except for the first keys, with back-off. */
  function mayStart(): boolean {
    if (lastStartedAt === undefined) return true
    const wait = table === undefined ? Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), COOLDOWN_MS) : COOLDOWN_MS
    const since = clock() - lastStartedAt
    return since >= wait || since < 0
  }

  function start(): Promise<void> {
    const sequence = ++started
    lastStartedAt = clock()
    const run = load(sequence).finally(() => {
      if (inFlight === run) inFlight = undefined
    })
    inFlight = run
    return run
  }

  async function load(sequence: number): Promise<void> {
    try {
      const next = await obtain()
      if (!closing.signal.aborted) apply(sequence, next)
    } catch (cause) {
      const error = isCountersignError(cause) ? cause : new CountersignError('keys_unavailable', { cause })
      if (!closing.signal.aborted && sequence > applied) failed(error)
      throw error
    }
  }

  async function obtain(): Promise<KeyTable> {
    // Loaded with the first fetch: a process that verifies under keys at hand never loads an HTTP client.
    const { fetchJson } = await import('./fetch-json.ts')
    const fetchOptions = {
      signal: closing.signal,
      ...(options.ca !== undefined && { ca: options.ca }),
      ...(options.lookup !== undefined && { lookup: options.lookup }),
      ...(options.connectTimeoutMs !== undefined && { connectTimeoutMs: options.connectTimeoutMs }),
      ...(options.totalTimeoutMs !== undefined && { totalTimeoutMs: options.totalTimeoutMs }),
    }
    let target: FetchTarget
    if (fixedTarget !== undefined) target = fixedTarget
    else {
      const { discoverJwksUri } = await import('./discovery.ts')
      target = await discoverJwksUri(issuer, rules, fetchOptions)
    }
    const { keys, skipped } = parseKeySet(
      await fetchJson(target, { ...fetchOptions, maxBytes: MAX_JWKS_BYTES }),
      algorithms,
    )
    return createKeyTable(keys, skipped)
  }

  function apply(sequence: number, next: KeyTable): void {
    // A slow reply to an older question never overwrites the answer to a newer one.
    if (sequence <= applied) return
    applied = sequence
    const previous = table
    table = next
    loadedAt = clock()
    failures = 0
    lastError = undefined
    aheadMs = jittered()
    for (const kid of next.kids()) unknownKids.delete(kid)
    schedule()
    if (next.keys.length === 0) alarm({ issuer, code: 'no_usable_keys', skipped: next.skipped })
    else if (next.skipped.length > 0) alarm({ issuer, code: 'keys_skipped', skipped: next.skipped })
    const change = differenceOf(issuer, previous, next)
    if (change !== undefined) notify(() => onChange?.(change))
  }

  function failed(error: CountersignError): void {
    failures++
    failedAt = clock()
    lastError = error
    schedule()
    const expired = table === undefined || age() >= STALE_MS
    alarm({ issuer, code: expired ? 'keys_expired' : 'refresh_failed', error })
  }

  function alarm(value: KeySetAlarm): void {
    notify(() => onAlarm?.(value))
  }

  function schedule(): void {
    clearTimeout(timer)
    if (options.prefetchOnSchedule !== true || closing.signal.aborted) return
    timer = setTimeout(refreshInBackground, failures > 0 ? COOLDOWN_MS : aheadMs).unref()
  }

  // The failure has been recorded and alarmed in `failed`; nobody waits for this promise.
  function refreshInBackground(): void {
    if (inFlight === undefined && mayStart()) start().catch(() => undefined)
  }

  async function ready(): Promise<KeyTable> {
    const before = usable()
    if (before !== undefined) {
      // Known to be failing, or soon to be stale: ask again, but let nobody wait for it (J-11).
      if (age() >= aheadMs) refreshInBackground()
      return before
    }
    if (inFlight === undefined && !mayStart()) throw unavailable(lastError)
    try {
      await (inFlight ?? start())
    } catch (error) {
      const stale = usable()
      if (stale === undefined) throw unavailable(error)
      return stale
    }
    const after = usable()
    if (after === undefined) throw unavailable(lastError)
    return after
  }

  function isKnownUnknown(kid: string): boolean {
    const since = unknownKids.get(kid)
    const value = since === undefined ? COOLDOWN_MS : clock() - since
    return value >= 0 && value < COOLDOWN_MS
  }

  return {
    issuer,
    peek(kid, alg) {
      if (closing.signal.aborted) return undefined
      const current = usable()
      if (current === undefined) return undefined
      if (age() >= aheadMs) refreshInBackground()
      const found = current.lookup(kid, alg)
      return typeof found === 'string' ? undefined : found
    },
    async find(kid, alg) {
      if (closing.signal.aborted) throw new CountersignError('keys_unavailable', { reason: 'the key source is closed' })
      const found = (await ready()).lookup(kid, alg)
      // J-09: only a kid that the set does not hold is a reason to ask again. Not a bad signature (J-10), nor an algorithm.
      if (found !== 'unknown' || kid === undefined) return requireKey(found)
      if (inFlight === undefined) {
        if (isKnownUnknown(kid) || !mayStart()) return requireKey(found)
        start().catch(() => undefined)
      }
      // A failure leaves the good set in place, and for this token the answer stays "unknown" (J-08).
      await inFlight?.catch(() => undefined)
      const answer = usable()?.lookup(kid, alg) ?? 'unknown'
      if (answer === 'unknown') unknownKids.set(kid, clock())
      return requireKey(answer)
    },
    has: (kid) => table?.has(kid) === true && !closing.signal.aborted,
    cachedKids: () => table?.kids() ?? [],
    prefetch: () => start(),
    close() {
      closing.abort()
      clearTimeout(timer)
      table = undefined
    },
  }
}

function jittered(): number {
  return FRESH_MS * (0.7 + Math.random() * 0.2)
}

function unavailable(cause: unknown): CountersignError {
  const reason = isCountersignError(cause) ? cause.message : undefined
  return new CountersignError('keys_unavailable', { cause, ...(reason !== undefined && { reason }) })
}

// A callback that throws must neither lose keys that have been verified nor end the process.
function notify(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error), 'CountersignCallbackWarning')
  }
}
