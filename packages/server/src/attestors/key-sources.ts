import { readFileSync, statSync } from 'node:fs'
import {
  CountersignError,
  createRemoteKeySet,
  createStaticKeySet,
  type KeySetAlarm,
  type KeySetChange,
  type KeySource,
} from '@countersign/sdk'
import { canonicalJson, type JsonValue, type Now } from '../lib/index.ts'
import { createFileKeySet } from './file-key-set.ts'
import type { TrustProvider } from './types.ts'

/** Most key sources that are open at once; beyond it the least recently used one is closed. */
const MAX_SOURCES = 1024
const MAX_CA_BYTES = 1024 * 1024

/** What the key sources of all providers need. */
export interface KeySourcesDeps {
  readonly now: Now
  /** An issuer's keys cannot be fetched or used; verification goes on as far as it safely can (J-08). */
  readonly onAlarm?: (alarm: KeySetAlarm) => void
  /** The keys of an issuer changed: an audit event (J-14). */
  readonly onKeyChange?: (change: KeySetChange) => void
}

/**
 * The verification keys of all providers. Providers with the same issuer and the same way to its keys share a source, so that an issuer
 * is asked once however many providers name it (J-09), and a new revision that leaves the keys alone keeps them.
 */
export interface KeySources {
  /** @throws CountersignError when the provider's keys cannot be used as configured. */
  of(provider: TrustProvider): KeySource
  /** Whether the provider's keys at hand hold this kid; never fetches. */
  holdsKey(provider: TrustProvider, kid: string): boolean
  /** Fetches the keys of these providers that are not at hand, so that the first proofs need not wait. Failures are alarms, not errors. */
  prefetch(providers: readonly TrustProvider[]): Promise<void>
  /** Closes the sources that none of these providers uses. */
  retain(providers: readonly TrustProvider[]): void
  close(): void
}

// Read when the source is opened: a changed file counts from the provider's next revision or the next start.
function readCa(path: string): string {
  try {
    const found = statSync(path)
    // Reading a pipe would wait for its writer, and everything here with it.
    if (!found.isFile()) throw new TypeError('not a file')
    if (found.size > MAX_CA_BYTES) throw new RangeError('larger than 1 MiB')
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CountersignError('keys_unavailable', { reason: 'the CA file cannot be read', cause })
  }
}

function nameOf(provider: TrustProvider): string {
  const { issuer, keys, algorithms, allowPrivateNetwork, allowLoopbackHttp, caFile } = provider
  return canonicalJson({
    issuer,
    keys: keys as unknown as JsonValue,
    algorithms,
    allowPrivateNetwork,
    allowLoopbackHttp: allowLoopbackHttp === true,
    caFile: caFile ?? null,
  })
}

function open(provider: TrustProvider, deps: KeySourcesDeps): KeySource {
  const { issuer, keys, algorithms } = provider
  if (keys.from === 'inline') return createStaticKeySet(keys.jwks, { issuer, algorithms })
  if (keys.from === 'file') return createFileKeySet({ path: keys.path, issuer, algorithms, now: deps.now })
  return createRemoteKeySet({
    issuer,
    algorithms,
    ...(keys.from === 'jwksUri' && { jwksUri: keys.uri }),
    allowPrivateNetwork: provider.allowPrivateNetwork,
    allowLoopbackHttp: provider.allowLoopbackHttp === true,
    ...(provider.caFile !== undefined && { ca: readCa(provider.caFile) }),
    prefetchOnSchedule: true,
    ...(deps.onAlarm && { onAlarm: deps.onAlarm }),
    ...(deps.onKeyChange && { onChange: deps.onKeyChange }),
    now: deps.now,
  })
}

/** Opens key sources as providers are used, and closes them when they are no longer. Opening fetches nothing. */
export function createKeySources(deps: KeySourcesDeps): KeySources {
  // In order of use: the first is the one that was not used for longest.
  const sources = new Map<string, KeySource>()
  const names = new WeakMap<TrustProvider, string>()
  let closed = false

  function cachedName(provider: TrustProvider): string {
    const known = names.get(provider)
    if (known !== undefined) return known
    const name = nameOf(provider)
    names.set(provider, name)
    return name
  }

  function of(provider: TrustProvider): KeySource {
    if (closed) throw new CountersignError('keys_unavailable', { reason: 'the key sources are closed' })
    const name = cachedName(provider)
    const source = sources.get(name) ?? open(provider, deps)
    sources.delete(name)
    sources.set(name, source)
    const [oldest] = sources.keys()
    if (sources.size > MAX_SOURCES && oldest !== undefined) drop(oldest)
    return source
  }

  function drop(name: string): void {
    sources.get(name)?.close()
    sources.delete(name)
  }

  async function prefetchOne(provider: TrustProvider): Promise<void> {
    let source: KeySource | undefined
    try {
      source = of(provider)
      if (source.cachedKids().length === 0) await source.prefetch()
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      // A remote source that could be opened has raised the alarm itself, with the state of its cache.
      const raised = source !== undefined && (provider.keys.from === 'discovery' || provider.keys.from === 'jwksUri')
      if (!raised) deps.onAlarm?.({ issuer: provider.issuer, code: 'keys_expired', error })
    }
  }

  return {
    of,
    holdsKey(provider, kid) {
      try {
        return of(provider).has(kid)
      } catch (error) {
        // Attesting reports it; here it only means that nothing is held.
        if (error instanceof CountersignError) return false
        throw error
      }
    },
    async prefetch(providers) {
      await Promise.all(providers.map(prefetchOne))
    },
    retain(providers) {
      const kept = new Set(providers.map(cachedName))
      for (const name of [...sources.keys()]) if (!kept.has(name)) drop(name)
    },
    close() {
      closed = true
      for (const name of [...sources.keys()]) drop(name)
    },
  }
}
