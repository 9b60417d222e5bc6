import { CountersignError } from '../errors.ts'
import type { SkippedKey } from '../keys/index.ts'
import type { Lookup } from './fetch-json.ts'
import type { KeySetChange } from './key-set-change.ts'
import type { UrlRules } from './url.ts'

/** Something about an issuer's keys that an operator should see. Verification goes on as far as it safely can. */
export interface KeySetAlarm {
  readonly issuer: string
  /**
   * `refresh_failed`: the last good keys stay in use, for at most a day; `keys_expired`: they are too old now, tokens are
   * refused; `keys_skipped`: some keys of the new set cannot be used; `no_usable_keys`: none of them can.
   */
  readonly code: 'refresh_failed' | 'keys_expired' | 'keys_skipped' | 'no_usable_keys'
  readonly error?: CountersignError
  readonly skipped?: readonly SkippedKey[]
}

/** Options of `createRemoteKeySet`. */
export interface RemoteKeySetOptions {
  /** The issuer whose keys these are; must be a fetchable https URL when the keys are discovered. */
  readonly issuer: string
  /** Where the keys are; when not given, the issuer's discovery document says. */
  readonly jwksUri?: string
  /** Allowed algorithms; ES256, RS256 and Ed25519 when not given. */
  readonly algorithms?: readonly string[]
  /** Lets hosts be in private networks or on this machine. Link-local and metadata addresses stay refused. */
  readonly allowPrivateNetwork?: boolean
  /** Lets plain http be used with loopback hosts. For development only: whoever is on this machine can be the issuer. */
  readonly allowLoopbackHttp?: boolean
  /** Further exact origins on which the keys may lie, and whose ports are allowed. */
  readonly allowedOrigins?: readonly string[]
  /** PEM certificates that are trusted for this issuer instead of the well-known authorities. */
  readonly ca?: string
  /** Fetches again by itself, with jitter, before the keys grow stale (J-14); otherwise the next use does. */
  readonly prefetchOnSchedule?: boolean
  readonly onAlarm?: (alarm: KeySetAlarm) => void
  readonly onChange?: (change: KeySetChange) => void
  /** The current time; the system's clock when not given. */
  readonly now?: () => Date
  /** Resolves host names; the system's resolver when not given. Its answers are checked all the same. */
  readonly lookup?: Lookup
  /** Milliseconds until a connection must stand, and until a document must be complete; 2,000 and 5,000 when not given. */
  readonly connectTimeoutMs?: number
  readonly totalTimeoutMs?: number
}

/** The rules for URLs that the options amount to. @throws CountersignError `configuration_invalid`. */
export function readUrlRules(options: RemoteKeySetOptions): UrlRules {
  const { allowedOrigins = [] } = options
  for (const origin of allowedOrigins) {
    // An allowlist entry with a path or another spelling would never match, and look as if it did.
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new CountersignError('configuration_invalid', { reason: '"allowedOrigins" must hold exact origins' })
    }
  }
  return {
    allowedOrigins,
    allowPrivateNetwork: options.allowPrivateNetwork === true,
    allowLoopbackHttp: options.allowLoopbackHttp === true,
  }
}
