import { hash } from 'node:crypto'
import { canonicalJson, type JsonObject, type JsonValue } from '../lib/index.ts'

/** Why a service may go on accepting for a while what was revoked. */
export type ReceiptBound = 'followers' | 'no_followers' | 'last_known_good' | 'server'

/** A verifier that held a lease when something was revoked. */
export interface ReceiptFollower {
  /** Workload id and instance. */
  readonly id: string
  readonly workloadId: string
  /** Id of the service that it verifies for. */
  readonly service: string
  /** Until when it could have accepted without asking again, by the database's clock. */
  readonly leaseUntil: Date
  /** When it was known to have applied the revocation; undefined when it never said so. */
  readonly confirmedAt: Date | undefined
}

/** What a revocation means for one service. */
export interface ReceiptService {
  readonly id: string
  readonly name: string
  /** Number of its followers at the revocation. */
  readonly followers: number
  /** Until when the service may have accepted, or may still accept; undefined when nothing that it accepts is concerned. */
  readonly mayAcceptUntil: Date | undefined
  readonly why: ReceiptBound
}

/** What a receipt states of a revocation. */
export interface ReceiptFacts {
  readonly id: string
  readonly kind: string
  readonly value: string
  /** Position in the revision log. */
  readonly revision: number
  readonly reason: string
  readonly actor: string
  readonly committedAt: Date
  /** No verifier that follows accepts it after this instant, and no other one that the receipt names after its own. */
  readonly effectiveEverywhereAt: Date
  readonly followers: readonly ReceiptFollower[]
  readonly services: readonly ReceiptService[]
  /** The event of the revocation itself. */
  readonly eventId: string
  /** Undefined while the receipt is pending. */
  readonly finalAt: Date | undefined
}

/** The facts as JSON; the one mapping of them. Equal facts give equal canonical JSON. */
export function toReceiptJson(facts: ReceiptFacts): JsonObject {
  return {
    id: facts.id,
    kind: facts.kind,
    value: facts.value,
    revision: facts.revision,
    reason: facts.reason,
    actor: facts.actor,
    committed_at: facts.committedAt.toISOString(),
    effective_everywhere_at: facts.effectiveEverywhereAt.toISOString(),
    followers: facts.followers.map((follower) => ({
      id: follower.id,
      workload_id: follower.workloadId,
      service: follower.service,
      lease_until: follower.leaseUntil.toISOString(),
      confirmed_at: follower.confirmedAt?.toISOString() ?? null,
    })),
    services: facts.services.map((service) => ({
      id: service.id,
      name: service.name,
      followers: service.followers,
      may_accept_until: service.mayAcceptUntil?.toISOString() ?? null,
      why: service.why,
    })),
    event_id: facts.eventId,
    final_at: facts.finalAt?.toISOString() ?? null,
  }
}

/**
 * The facts behind their JSON; the inverse of {@link toReceiptJson}.
 * @returns undefined for anything else: another member, a missing one, another spelling of an instant.
 */
export function parseReceiptJson(value: JsonValue | undefined): ReceiptFacts | undefined {
  const read = readObject(value, FACTS)
  if (read === undefined) return undefined
  const followers = readList(read['followers'], parseFollower)
  const services = readList(read['services'], parseService)
  const { id, kind, value: revoked, revision, reason, actor, event_id: eventId } = read
  const committedAt = readInstant(read['committed_at'])
  const effectiveEverywhereAt = readInstant(read['effective_everywhere_at'])
  const finalAt = read['final_at'] === null ? null : readInstant(read['final_at'])
  if (!isText(id, /^rcpt_[0-9a-z]{1,40}$/) || !isText(kind, /^[a-z_]{1,40}$/) || !isText(revoked, ANY)) return undefined
  if (!isText(reason, ANY) || !isText(actor, ANY) || !isText(eventId, /^evt_[0-9a-z]{1,40}$/)) return undefined
  if (!isCount(revision) || committedAt === undefined || effectiveEverywhereAt === undefined) return undefined
  if (finalAt === undefined || followers === undefined || services === undefined) return undefined
  const rest = { committedAt, effectiveEverywhereAt, followers, services, eventId, finalAt: finalAt ?? undefined }
  return { id, kind, value: revoked, revision, reason, actor, ...rest }
}

/**
 * The facts as they are signed: format `v`, and lists that do not fit replaced, followers first, by how many there are and the
 * SHA-256 of their canonical JSON (an event has at most 8 KiB). The receipt beside holds the lists.
 * @throws TypeError when even so they do not fit.
 */
export function toSignedFacts(facts: ReceiptFacts, fits: (signed: JsonObject) => boolean): JsonObject {
  const full: JsonObject = { v: FORMAT, ...toReceiptJson(facts) }
  const [followers, services] = [digestFollowers(facts.followers), digestServices(facts.services)]
  for (const form of [full, { ...full, followers }, { ...full, followers, services }]) if (fits(form)) return form
  throw new TypeError('the facts of the receipt are too large')
}

/** Whether signed facts are those of the receipt: member by member, and the lists by their hashes where they were too long. */
export function isSignedFor(signed: JsonObject, facts: ReceiptFacts): boolean {
  const full: JsonObject = { v: FORMAT, ...toReceiptJson(facts) }
  const followers = isDigest(signed['followers']) ? digestFollowers(facts.followers) : full['followers']
  const services = isDigest(signed['services']) ? digestServices(facts.services) : full['services']
  const expected = { ...full, ...(followers && { followers }), ...(services && { services }) }
  return canonicalJson(signed) === canonicalJson(expected)
}

const FORMAT = 1
const ANY = /^[^\p{Cs}]{0,4096}$/u
const MAX_LISTED = 100_000
const INSTANT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/
const BOUNDS: ReadonlySet<string> = new Set(['followers', 'no_followers', 'last_known_good', 'server'])
const FACTS = [
  ...['id', 'kind', 'value', 'revision', 'reason', 'actor', 'committed_at', 'effective_everywhere_at'],
  ...['followers', 'services', 'event_id', 'final_at'],
]
const FOLLOWER = ['id', 'workload_id', 'service', 'lease_until', 'confirmed_at']
const SERVICE = ['id', 'name', 'followers', 'may_accept_until', 'why']

function parseFollower(value: JsonValue): ReceiptFollower | undefined {
  const read = readObject(value, FOLLOWER)
  if (read === undefined) return undefined
  const { id, workload_id: workloadId, service } = read
  const leaseUntil = readInstant(read['lease_until'])
  const confirmedAt = read['confirmed_at'] === null ? null : readInstant(read['confirmed_at'])
  if (!isText(id, ANY) || !isText(workloadId, ANY) || !isText(service, ANY)) return undefined
  if (leaseUntil === undefined || confirmedAt === undefined) return undefined
  return { id, workloadId, service, leaseUntil, confirmedAt: confirmedAt ?? undefined }
}

function parseService(value: JsonValue): ReceiptService | undefined {
  const read = readObject(value, SERVICE)
  if (read === undefined) return undefined
  const { id, name, followers, why } = read
  const until = read['may_accept_until'] === null ? null : readInstant(read['may_accept_until'])
  if (!isText(id, ANY) || !isText(name, ANY) || !isCount(followers) || until === undefined) return undefined
  if (typeof why !== 'string' || !BOUNDS.has(why)) return undefined
  return { id, name, followers, mayAcceptUntil: until ?? undefined, why: why as ReceiptBound }
}

function digestFollowers(followers: readonly ReceiptFollower[]): JsonObject {
  const confirmed = followers.filter((follower) => follower.confirmedAt !== undefined).length
  return { count: followers.length, confirmed, sha256: digest(listOf('followers', { followers })) }
}

function digestServices(services: readonly ReceiptService[]): JsonObject {
  return { count: services.length, sha256: digest(listOf('services', { services })) }
}

function listOf(name: 'followers' | 'services', lists: Partial<ReceiptFacts>): JsonValue {
  return toReceiptJson({ ...NOTHING, ...lists })[name] ?? []
}

const NOTHING: ReceiptFacts = {
  ...{ id: '', kind: '', value: '', revision: 0, reason: '', actor: '', eventId: '' },
  ...{ committedAt: new Date(0), effectiveEverywhereAt: new Date(0), finalAt: undefined },
  ...{ followers: [], services: [] },
}

function digest(list: JsonValue): string {
  return hash('sha256', Buffer.from(canonicalJson(list), 'utf8'), 'base64')
}

function isDigest(value: JsonValue | undefined): boolean {
  return value !== undefined && !Array.isArray(value)
}

/** The object, if it has exactly these members. */
function readObject(value: JsonValue | undefined, members: readonly string[]): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const names = Object.keys(value)
  return names.length === members.length && members.every((name) => Object.hasOwn(value, name))
    ? (value as JsonObject)
    : undefined
}

function readList<T>(value: JsonValue | undefined, parse: (item: JsonValue) => T | undefined): T[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_LISTED) return undefined
  const items: T[] = []
  for (const item of value as readonly JsonValue[]) {
    const parsed = parse(item)
    if (parsed === undefined) return undefined
    items.push(parsed)
  }
  return items
}

function readInstant(value: JsonValue | undefined): Date | undefined {
  if (typeof value !== 'string' || !INSTANT.test(value)) return undefined
  const date = new Date(value)
  // 30 February is another spelling of 2 March.
  return Number.isFinite(date.getTime()) && date.toISOString() === value ? date : undefined
}

function isText(value: JsonValue | undefined, grammar: RegExp): value is string {
  return typeof value === 'string' && grammar.test(value)
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
