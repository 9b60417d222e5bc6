import { hash } from 'node:crypto'
import type { Attestation } from '../attestors/index.ts'
import { type AuditEvent, EVENT_BATCH_TABLES, toBatchRows } from '../audit/index.ts'
import { randomBytes } from '../lib/index.ts'
import type { Grant } from '../policy/index.ts'
import type { IssuancesTable, Tables } from '../schema/index.ts'
import { BATCH_NUMBER, type BatchRows, type BatchValue, type Database } from '../storage/index.ts'
import type { Instance } from './instance.ts'
import { createSlots } from './slots.ts'
import { EXCHANGE_BATCH, PROOF_CLAIM_BATCH } from './store.ts'

/** The row of an issuance without what the ledger itself knows. */
export type IssuanceRecord = Omit<IssuancesTable, 'boot_id' | 'batch'>

/** The claims of a decision as they are stored, and the salted hash of them that the event carries. */
export interface SaltedClaims {
  readonly hash: string
  readonly salt: Uint8Array
  /** The bytes of the signed payload. */
  readonly payload: Uint8Array
}

/** A decision with its issuance, to be committed before anything is signed. */
export interface IssuanceEntry {
  readonly attestation: Attestation
  readonly uses: Grant['uses']
  readonly event: AuditEvent
  readonly claims: SaltedClaims
  readonly issuance: IssuanceRecord
}

/** What became of an issuance: signed, or the proof's uses are spent, or this process may not sign any more. */
export type IssuanceOutcome<T> =
  | { readonly outcome: 'signed'; readonly value: T }
  | { readonly outcome: 'replayed' }
  | { readonly outcome: 'unsigned'; readonly jti: string }

/** The durable record of exchanges: claims, issuances and events in one transaction per batch (group commit). */
export interface Ledger {
  /**
   * Commits claim, issuance and event, then calls `sign` (synchronously, once) and returns its value. Nothing is stored for a
   * replayed proof. Invariants 2, 3 and 9: the proof's slot is unique across replicas, and `sign` runs only after the commit.
   */
  issue<T>(entry: IssuanceEntry, sign: () => T): Promise<IssuanceOutcome<T>>
  /** Commits a denial with its claims. */
  deny(event: AuditEvent, claims: SaltedClaims): Promise<void>
  /** Requests that wait for their commit. */
  pending(): number
  /** Confirms every signed batch that is still unconfirmed, so that a clean stop leaves nothing to settle. */
  flush(): Promise<void>
}

/** What a ledger needs. `onUnsigned` records that a committed issuance was not signed: its jti must be revoked. */
export interface LedgerDeps {
  readonly database: Database<Tables>
  readonly instance: Instance
  readonly now: () => Date
  readonly onUnsigned: (jti: string, expiresAt: Date) => Promise<void>
  readonly onFailure: (error: unknown) => void
}

const IDLE_FLUSH_MS = 200
const SALT_BYTES = 16

/**
 * Salts and hashes the claims of a proof that has verified: without the salt nobody can test guesses against the event's hash. The claims are
 * the signed payload as it came; the strict verifier has read it, so it is JSON without a second meaning.
 */
export function saltClaims(verifiedProof: string): SaltedClaims {
  const segment = verifiedProof.slice(verifiedProof.indexOf('.') + 1, verifiedProof.lastIndexOf('.'))
  const salt = randomBytes(SALT_BYTES)
  return { payload: Buffer.from(segment, 'base64url'), salt, hash: hashSegment(salt, segment) }
}

/** The hash of claims that an event holds: SHA-256 over the salt and the payload, both in base64url, with a dot between them. */
export function hashClaims(salt: Uint8Array, payload: Uint8Array): string {
  return hashSegment(salt, Buffer.from(payload).toString('base64url'))
}

function hashSegment(salt: Uint8Array, segment: string): string {
  return hash('sha256', `${Buffer.from(salt).toString('base64url')}.${segment}`, 'base64url')
}

/** Opens the ledger of this instance. */
export function createLedger({ database, instance, now, onUnsigned, onFailure }: LedgerDeps): Ledger {
  const slots = createSlots()
  let toConfirm = new Set<number>()
  let idleTimer: NodeJS.Timeout | undefined

  const confirmationRows = (batches: Iterable<number>): (readonly BatchValue[])[] =>
    [...batches].map((batch) => [instance.bootId, batch])

  const batch = database.createGuardedBatch(
    { guard: PROOF_CLAIM_BATCH, dependents: { ...EXCHANGE_BATCH, ...EVENT_BATCH_TABLES } },
    {
      rideAlong() {
        const rows = { confirmations: confirmationRows(toConfirm) }
        toConfirm = new Set()
        return rows
      },
      rideFailed(rows) {
        for (const row of rows['confirmations'] ?? []) toConfirm.add(Number(row[1]))
      },
    },
  )

  /** Signed tokens of a batch are complete when the microtasks of its commit have run: `sign` is synchronous in each of them. */
  function confirmAfterSigning(number: number): void {
    if (signedBatches.has(number)) return
    signedBatches.add(number)
    setImmediate(() => {
      signedBatches.delete(number)
      toConfirm.add(number)
      idleTimer ??= setTimeout(() => {
        idleTimer = undefined
        if (toConfirm.size > 0) flush().catch(onFailure)
      }, IDLE_FLUSH_MS)
    })
  }
  const signedBatches = new Set<number>()

  async function flush(): Promise<void> {
    // Confirmations ride along with any entry; an entry without rows of its own carries them when traffic is idle.
    if (signedBatches.size > 0) await new Promise((resolve) => setImmediate(resolve))
    if (toConfirm.size > 0) await batch.write({ guard: null, rows: {} })
  }

  return {
    async issue(entry, sign) {
      const { attestation, issuance } = entry
      const rows: BatchRows = {
        issuances: [issuanceRow(issuance, instance.bootId)],
        claims: [claimsRow(entry.event, entry.claims)],
        ...toBatchRows(entry.event),
      }
      const expiresAtMs = attestation.expiresAt.getTime()
      const maySign = instance.permit()
      for (const slot of slots.candidates(attestation.proofKey, entry.uses, now())) {
        const written = await batch.write({ guard: [attestation.proofKey, slot, expiresAtMs], rows })
        slots.taken(attestation.proofKey, slot)
        if (!written.won) continue
        const unsigned = async (): Promise<IssuanceOutcome<never>> => {
          await onUnsigned(issuance.jti, new Date(issuance.expires_at))
          return { outcome: 'unsigned', jti: issuance.jti }
        }
        if (!maySign()) return unsigned()
        let value: ReturnType<typeof sign>
        try {
          value = sign()
        } catch (error) {
          onFailure(error)
          return unsigned()
        }
        // Asked again: the process may have been stopped in the middle of it, and for long.
        if (!maySign()) return unsigned()
        confirmAfterSigning(written.batch)
        return { outcome: 'signed', value }
      }
      return { outcome: 'replayed' }
    },
    async deny(event, claims) {
      await batch.write({ guard: null, rows: { claims: [claimsRow(event, claims)], ...toBatchRows(event) } })
    },
    pending: () => batch.pending(),
    async flush() {
      clearTimeout(idleTimer)
      idleTimer = undefined
      await flush()
    },
  }
}

function issuanceRow(issuance: IssuanceRecord, bootId: string): readonly BatchValue[] {
  return [
    issuance.jti,
    issuance.event_id,
    bootId,
    BATCH_NUMBER,
    issuance.kid,
    issuance.workload_id,
    issuance.subject,
    issuance.provider_id,
    issuance.policy_id,
    issuance.service_id,
    issuance.scope,
    issuance.revision,
    issuance.issued_at,
    issuance.expires_at,
  ]
}

function claimsRow(event: AuditEvent, claims: SaltedClaims): readonly BatchValue[] {
  return [event.id, event.at.getTime(), claims.salt, claims.payload]
}
