import type { Kysely, Transaction } from 'kysely'
import type { EventLog } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import { type Now, newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { computeBounds, type GrantFacts } from './bounds.ts'
import { selectOutstandingLeases } from './lease-store.ts'
import { insertReceipt } from './receipt-store.ts'
import { clockAheadMs, insertRevocations, selectIssuance } from './store.ts'
import type { RevocationKind, RevocationRequest } from './types.ts'

/** The longest life of a token (policies grant at most 1 h), and generous leeway for clocks: a revocation is kept as long. */
export const REVOCATION_KEPT_MS = 3_600_000 + 600_000
/** Whoever holds a stolen key chooses the expiry of what he forges: its revocation outlives all that anybody would accept. */
const KEY_REVOCATION_KEPT_MS = 10 * 366 * 86_400_000
/** An instant this close to the commit means "until now". */
const NOW_MS = 60_000
const LEEWAY_MS = 60_000

/** What revoking needs. */
export interface RevokeDeps {
  readonly database: Database<Tables>
  readonly eventLog: Pick<EventLog, 'append'>
  /** The id under which a thing is revoked, from its id or name; undefined: there is none. Asked for kinds with a registry. */
  readonly find: (kind: RegisteredKind, value: string) => Promise<string | undefined>
  /** What policies have granted since an instant; reads in the transaction, which holds the revision lock. */
  readonly facts: (db: Kysely<Tables>, since: Date) => Promise<GrantFacts>
  readonly managementId: string
  readonly now: Now
}

/** Kinds whose values are registered somewhere, so that a misspelt one is noticed. */
export type RegisteredKind = 'subject' | 'workload' | 'policy' | 'provider' | 'service' | 'signing_key'

/** What to revoke, and on whose word. */
export interface RevokeInput {
  readonly kind: RevocationKind
  /** An id or name; for `issued_before` an RFC 3339 instant or `now`. */
  readonly value: string
  readonly reason: string
  /** As events name it: `local-socket`, `workload:wl_...`. */
  readonly actor: string
  /** The actor's id, if it is a workload. */
  readonly workloadId?: string
  /** Revoke although nothing is known under the value: what a restored database has forgotten. */
  readonly force?: boolean
}

/** A revocation whose values are known to exist; only {@link Revoke.prepare} makes one, and `commit` carries it out. */
export interface PreparedRevocation extends Omit<RevokeInput, 'value' | 'force'> {
  /** Revoked by one revision; the receipt names the first. */
  readonly values: readonly [string, ...string[]]
  /** Kind issued_before only; undefined: the time of the commit. */
  readonly issuedBefore?: Date | undefined
  /** Set when nothing is known under the value, and it is revoked by force. */
  readonly isUnknown?: true
}

/** A revocation that has been committed. */
export interface Revoked {
  readonly receiptId: string
  readonly eventId: string
  readonly revision: number
  /** The database's time, read last before the commit. */
  readonly committedAt: Date
}

/** Ends credentials that are out, with a receipt. */
export interface Revoke {
  /** @throws ServiceError not_found (with the way out), validation_failed */
  prepare(input: RevokeInput): Promise<PreparedRevocation>
  /**
   * Takes a revision and writes the entries, the event and the pending receipt, in the caller's transaction. From the revision on
   * the lock is held: every lease that this revocation must outlast is in the receipt.
   */
  commit(tx: Transaction<Tables>, prepared: PreparedRevocation): Promise<Revoked>
  /** Both, in a transaction of its own. When it resolves, this instance refuses what was revoked. */
  revoke(input: RevokeInput): Promise<Revoked>
}

/** Creates the act of revoking over a database. */
export function createRevoke(deps: RevokeDeps): Revoke {
  const { database, eventLog } = deps

  async function commit(tx: Transaction<Tables>, prepared: PreparedRevocation): Promise<Revoked> {
    const { kind, values, reason, actor, workloadId } = prepared
    // The exclusive lock, before anything is read: a grant that is under way ends first, and the next one sees this revision.
    const revision = await database.revisions.append(tx, {
      kind: 'revocation',
      target: values[0],
      detail: { kinds: [kind], count: values.length },
    })
    const lockedAt = await database.time(tx)
    const issuance = kind === 'jti' ? await selectIssuance(tx, values[0]) : undefined
    const now = deps.now()
    // Whichever clock is ahead: tokens are dated by those of processes, and the time of all is the database's.
    const keptFrom = new Date(Math.max(now.getTime(), lockedAt.getTime()))
    const requests = values.map((value) => toRequest(prepared, value, { revision, at: lockedAt, keptFrom, issuance }))
    await insertRevocations(tx, revision, now, requests)
    const facts = await deps.facts(tx, new Date(lockedAt.getTime() - REVOCATION_KEPT_MS))
    const leases = await selectOutstandingLeases(tx, lockedAt)
    const aheadMs = await clockAheadMs(tx, lockedAt)
    const [receiptId, eventId] = [newId('rcpt', lockedAt), newId('evt', lockedAt)]
    // Last: what other replicas accept is counted from the commit, and all of the above takes time.
    const committedAt = await database.time(tx)
    const bounds = computeBounds({
      ...{
        kind,
        value: values[0],
        isKnown: prepared.isUnknown !== true,
        committedAt,
        aheadMs,
        facts,
        issuance,
        managementId: deps.managementId,
      },
      leases: leases.map((row) => ({
        followerId: row.follower_id,
        workloadId: row.workload_id,
        serviceId: row.service_id,
        leaseUntil: new Date(row.lease_until),
        onUnavailable: row.on_unavailable,
      })),
    })
    const [first] = requests
    await eventLog.append(tx, {
      id: eventId,
      at: committedAt,
      kind: 'revocation.created',
      outcome: 'done',
      actor,
      ...(workloadId === undefined ? {} : { workloadId }),
      data: {
        kind,
        value: values[0],
        ...(values.length > 1 ? { more_values: values.slice(1) } : {}),
        revision,
        reason,
        receipt: receiptId,
        followers: bounds.followers.length,
        ...(first?.upToRevision === undefined ? {} : { up_to_revision: first.upToRevision }),
        ...(first?.issuedBefore === undefined ? {} : { issued_before: first.issuedBefore.toISOString() }),
      },
    })
    const value = first?.value ?? values[0]
    await insertReceipt(tx, {
      ...{ id: receiptId, eventId, kind, value, revision, reason, actor, committedAt, finalAt: undefined },
      ...bounds,
    })
    return { receiptId, eventId, revision, committedAt }
  }

  async function prepare(input: RevokeInput): Promise<PreparedRevocation> {
    const { kind, value, reason, actor, workloadId } = input
    const prepared = { kind, reason, actor, ...(workloadId === undefined ? {} : { workloadId }) }
    if (kind === 'issued_before') {
      const issuedBefore = value === 'now' ? undefined : parseInstant(value)
      return { ...prepared, values: [value], issuedBefore }
    }
    const found = await findValue(kind, value)
    if (found !== undefined) return { ...prepared, values: [found] }
    if (input.force === true) return { ...prepared, values: [value], isUnknown: true }
    throw new ServiceError('not_found', {
      detail: `no ${kind} ${value} is known here; \`force\` revokes it all the same, e.g. after a restore`,
    })
  }

  async function findValue(kind: Exclude<RevocationKind, 'issued_before'>, value: string): Promise<string | undefined> {
    if (kind === 'jti') return (await selectIssuance(database.read, value)) && value
    return deps.find(kind, value)
  }

  return {
    prepare,
    commit,
    async revoke(input) {
      const prepared = await prepare(input)
      const revoked = await database.transaction((tx) => commit(tx, prepared))
      await database.revisions.refresh()
      return revoked
    },
  }
}

/** @throws ServiceError validation_failed */
function parseInstant(value: string): Date {
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/.test(value)
  const instant = new Date(isInstant ? value : Number.NaN)
  if (Number.isNaN(instant.getTime())) {
    throw refused('not_an_instant', 'the value is an RFC 3339 instant, or `now`')
  }
  return instant
}

function toRequest(
  prepared: PreparedRevocation,
  value: string,
  at: {
    readonly revision: number
    readonly at: Date
    readonly keptFrom: Date
    readonly issuance: { readonly expiresAt: Date } | undefined
  },
): RevocationRequest {
  const { kind, reason, actor, issuedBefore = wholeSecond(at.at) } = prepared
  const base = { kind, value, reason, actor, expiresAt: new Date(at.keptFrom.getTime() + REVOCATION_KEPT_MS) }
  // What was decided before this; a decision after it carries this revision or a later one.
  const upToRevision = at.revision - 1
  switch (kind) {
    case 'jti':
      return {
        ...base,
        upToRevision: undefined,
        ...(at.issuance ? { expiresAt: new Date(at.issuance.expiresAt.getTime() + LEEWAY_MS) } : {}),
      }
    case 'signing_key':
      return { ...base, upToRevision: undefined, expiresAt: new Date(at.keptFrom.getTime() + KEY_REVOCATION_KEPT_MS) }
    case 'issued_before': {
      // What is issued after the commit is none of this revocation's business, and refusing it would be an outage.
      if (issuedBefore > at.at) {
        throw refused('in_the_future', `it is ${at.at.toISOString()} by the clock of the database`)
      }
      // Until now: by revision as well, which no clock that was ahead can evade. An earlier instant has no revision of its own.
      const isNow = at.at.getTime() - issuedBefore.getTime() <= NOW_MS
      return {
        ...base,
        value: issuedBefore.toISOString(),
        issuedBefore,
        upToRevision: isNow ? upToRevision : undefined,
      }
    }
    default:
      // What a database has forgotten by being restored was decided on revisions that it has yet to give out again: no revision bounds it.
      return { ...base, upToRevision: prepared.isUnknown === true ? undefined : upToRevision }
  }
}

/** `iat` has whole seconds: what is issued later in the second of the commit is told apart by its revision. */
function wholeSecond(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / 1000) * 1000)
}

function refused(code: string, detail: string): ServiceError {
  return new ServiceError('validation_failed', { problems: [{ pointer: '/value', code, detail }] })
}
