import type { Transaction } from 'kysely'
import type { Now } from '../lib/index.ts'
import type { RevocationsTable, Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { insertRevocations, selectDroppedUpTo, selectRevocations } from './store.ts'
import type { RevocableToken, RevocationKind, RevocationRequest } from './types.ts'

/** What following revocations needs. */
export interface RevocationsDeps {
  readonly database: Database<Tables>
  readonly now: Now
}

/** The revocations that this process has applied. */
export interface Revocations {
  /**
   * Whether anything applied here ends the token; the strictest of all rows wins (T23). A token that expires where revocations have
   * been deleted already is revoked too, though the clock may say that it is current.
   */
  isRevoked(token: RevocableToken): boolean
  /** Records revocations: takes one revision for them, inside the caller's transaction. */
  append(tx: Transaction<Tables>, requests: readonly RevocationRequest[]): Promise<number>
  close(): void
}

/**
 * Loads the stored revocations and follows the revision log, so that a revocation is in force here before its revision counts as
 * applied. Memory: one map entry per revoked value, dropped at the next change after the leader has deleted its row.
 */
export async function createRevocations({ database, now }: RevocationsDeps): Promise<Revocations> {
  const index = createIndex()
  let applied = 0

  const apply = async () => {
    const rows = await selectRevocations(database.read, applied)
    for (const row of rows) {
      index.add(row)
      applied = Math.max(applied, row.revision)
    }
    // After the rows: what was deleted between the two reads is below the second. Never by a clock, which can be set back.
    index.drop(await selectDroppedUpTo(database.read))
  }
  // Subscribed before the first load, so that nothing committed in between is missed; adding a row twice changes nothing.
  const unsubscribe = database.revisions.subscribe(async (changes) => {
    if (changes.length > 0) await apply()
  })
  await apply()

  return {
    isRevoked: (token) => index.covers(token),
    async append(tx, requests) {
      const first = requests[0]
      const revision = await database.revisions.append(tx, {
        kind: 'revocation',
        target: first?.value ?? '',
        detail: { kinds: [...new Set(requests.map((request) => request.kind))], count: requests.length },
      })
      await insertRevocations(tx, revision, now(), requests)
      return revision
    },
    close: unsubscribe,
  }
}

interface RevokedUpTo {
  /** Infinity: final. */
  upToRevision: number
  expiresAtMs: number
}

interface RevokedBefore {
  readonly issuedBeforeMs: number
  readonly upToRevision: number
  readonly expiresAtMs: number
}

const KINDS: ReadonlySet<string> = new Set<RevocationKind>([
  ...(['jti', 'subject', 'workload', 'policy', 'provider', 'service', 'signing_key'] as const),
])

function createIndex() {
  const entries = new Map<string, RevokedUpTo>()
  let before: readonly RevokedBefore[] = []
  let droppedUpToMs = 0
  const name = (kind: RevocationKind, value: string) => `${kind}\0${value}`
  const upTo = (kind: RevocationKind, value: string) => entries.get(name(kind, value))?.upToRevision ?? -1

  function addBefore(row: RevocationsTable): void {
    // A kind that only a newer version knows may concern any token from before it: all of them are refused.
    const known = row.kind === 'issued_before' && row.issued_before !== null
    const entry: RevokedBefore = {
      issuedBeforeMs: known ? Number(row.issued_before) : Number.NEGATIVE_INFINITY,
      upToRevision: known ? (row.up_to_revision ?? -1) : row.revision - 1,
      expiresAtMs: row.expires_at,
    }
    before = [...before, entry]
  }

  return {
    add(row: RevocationsTable) {
      if (!KINDS.has(row.kind)) return addBefore(row)
      const key = name(row.kind as RevocationKind, row.value)
      const known = entries.get(key)
      entries.set(key, {
        upToRevision: Math.max(known?.upToRevision ?? -1, row.up_to_revision ?? Number.POSITIVE_INFINITY),
        expiresAtMs: Math.max(known?.expiresAtMs ?? 0, row.expires_at),
      })
    },
    drop(upToMs: number) {
      droppedUpToMs = Math.max(droppedUpToMs, upToMs)
      for (const [key, entry] of entries) if (entry.expiresAtMs <= droppedUpToMs) entries.delete(key)
      if (before.length > 0) before = before.filter((entry) => entry.expiresAtMs > droppedUpToMs)
    },
    covers(token: RevocableToken): boolean {
      // Not negated: an expiry that is no number is refused.
      if (!(token.expiresAt.getTime() > droppedUpToMs)) return true
      const { revision } = token
      // Not negated, for the same reason.
      const issuedAtMs = token.issuedAt.getTime()
      if (before.some((entry) => !(issuedAtMs >= entry.issuedBeforeMs) || !(revision > entry.upToRevision))) return true
      if (entries.size === 0) return false
      return (
        upTo('jti', token.jti) >= revision ||
        upTo('signing_key', token.kid) >= revision ||
        upTo('subject', token.subject) >= revision ||
        upTo('policy', token.policyId) >= revision ||
        token.workloadIds.some((id) => upTo('workload', id) >= revision) ||
        token.providerIds.some((id) => upTo('provider', id) >= revision) ||
        (token.serviceId !== undefined && upTo('service', token.serviceId) >= revision)
      )
    },
  }
}
