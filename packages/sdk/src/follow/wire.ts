import { CountersignError } from '../errors.ts'
import type { FeedPage, LeaseAnswer, LoggedRevocation } from './lease-answer.ts'
import { REVOCATION_KINDS, type Revocation, type RevocationKind } from './revocation-set.ts'

type Members = Readonly<Record<string, unknown>>

/** Longest revoked value, in characters: a subject has at most 2,048 bytes. */
const MAX_VALUE_LENGTH = 4096
const MAX_TAG_LENGTH = 64
/** Longest lease that is believed: a day. */
const MAX_LEASE_SECONDS = 86_400
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/

/**
 * The server's answer to a request for a lease, typed.
 * @throws CountersignError `response_refused` for whatever is not exactly one, or speaks of a kind of revocation that is not known
 * here: what cannot be applied must not count as applied.
 */
export function parseLeaseAnswer(value: unknown): LeaseAnswer {
  const answer = readMembers(value)
  if (answer['granted'] === true) {
    const { lease_seconds: seconds, service_id: serviceId, on_unavailable: onUnavailable } = answer
    if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= MAX_LEASE_SECONDS)) throw refused('lease_seconds')
    return {
      outcome: 'granted',
      head: readRevision(answer['head'], 'head'),
      leaseMs: seconds * 1000,
      serviceId: readServiceId(serviceId),
      // Whatever else a server may say one day is not a reason to accept.
      onUnavailable: onUnavailable === 'last-known-good' ? 'last-known-good' : 'deny',
    }
  }
  if (answer['granted'] !== false) throw refused('granted')
  if (answer['reason'] === 'history_changed') return { outcome: 'history_changed' }
  if (answer['reason'] === 'behind') return { outcome: 'behind', page: parseFeedPage(answer['feed']) }
  throw refused('reason')
}

/**
 * A page of the feed, or the data of a stream event, typed.
 * @throws CountersignError `response_refused`, as {@link parseLeaseAnswer}.
 */
export function parseFeedPage(value: unknown): FeedPage {
  const page = readMembers(value)
  const after = readRevision(page['after'], 'after')
  const through = readRevision(page['through'], 'through')
  const { tag, entries } = page
  if (typeof tag !== 'string' || tag.length > MAX_TAG_LENGTH) throw refused('tag')
  if (!Array.isArray(entries)) throw refused('entries')
  let last = after + 1
  const parsed = entries.map((entry): LoggedRevocation => {
    const revision = readRevision(readMembers(entry)['revision'], 'the revision of an entry')
    // Ascending and within the page: anything else is not the whole of what the log holds between the two.
    if (revision < last || revision > through) throw refused('the revision of an entry')
    last = revision
    return { revision, ...parseRevocation(entry) }
  })
  return {
    after,
    through,
    tag,
    head: readRevision(page['head'], 'head'),
    expiredUpToMs: readInstant(page['expired_up_to'], 'expired_up_to'),
    entries: parsed,
  }
}

/**
 * What an entry of a page, or of a snapshot file, says.
 * @throws CountersignError `response_refused`, as {@link parseLeaseAnswer}.
 */
export function parseRevocation(value: unknown): Revocation {
  const entry = readMembers(value)
  const { kind, value: revoked, up_to_revision: upTo, issued_before: before } = entry
  if (!isKind(kind)) throw refused('the kind of an entry')
  if (typeof revoked !== 'string' || revoked === '' || revoked.length > MAX_VALUE_LENGTH) {
    throw refused('the value of an entry')
  }
  const isInstantKind = kind === 'issued_before'
  if (isInstantKind === (before === null || before === undefined)) throw refused('issued_before')
  return {
    kind,
    value: revoked,
    upToRevision: upTo === null || upTo === undefined ? null : readRevision(upTo, 'up_to_revision'),
    issuedBeforeMs: isInstantKind ? readInstant(before, 'issued_before') : null,
    expiresAtMs: readInstant(entry['expires_at'], 'expires_at'),
  }
}

function isKind(value: unknown): value is RevocationKind {
  return (REVOCATION_KINDS as readonly unknown[]).includes(value)
}

function readMembers(value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused('it is not an object')
  return value as Members
}

/** A revision number. @throws CountersignError `response_refused` */
export function readRevision(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw refused(name)
  return value as number
}

/** The id of a service. @throws CountersignError `response_refused` */
export function readServiceId(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_VALUE_LENGTH) throw refused('service_id')
  return value
}

/** An RFC 3339 instant in UTC, in milliseconds. @throws CountersignError `response_refused` */
export function readInstant(value: unknown, name: string): number {
  const ms = typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : Number.NaN
  if (!Number.isFinite(ms)) throw refused(name)
  return ms
}

function refused(what: string): CountersignError {
  return new CountersignError('response_refused', { reason: `the revocation feed: ${what}` })
}
