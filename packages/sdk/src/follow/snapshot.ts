import type { StoredLease } from './disk-lease.ts'
import type { FollowerMemory } from './follower-state.ts'
import type { Revocation } from './revocation-set.ts'
import { parseRevocation, readInstant, readRevision, readServiceId } from './wire.ts'

/**
 * What a snapshot file holds. A lease is in it only once its process has ended its own use of it: what that process confirmed to the
 * server is then all in the file, and the server has been told of nothing later. So a copy that is put back, or two processes that
 * start from one file, are as safe as one.
 */
export interface Snapshot {
  readonly memory: Omit<FollowerMemory, 'lease'>
  readonly lease: StoredLease | undefined
}

/** Whom a snapshot belongs to. */
export interface SnapshotOwner {
  readonly server: string
  readonly service: string
}

const VERSION = 1

/** The text of a snapshot file. */
export function formatSnapshot({ memory, lease }: Snapshot, { server, service }: SnapshotOwner): string {
  return JSON.stringify({
    version: VERSION,
    server,
    service,
    applied: memory.applied,
    tag: memory.tag,
    service_id: memory.serviceId ?? null,
    on_unavailable: memory.onUnavailable,
    expired_up_to: new Date(memory.expiredUpToMs).toISOString(),
    entries: memory.entries.map(toWire),
    lease: lease && {
      sent_wall: lease.sentWallMs,
      sent_mono: lease.sentBootMs,
      seconds: lease.leaseMs / 1000,
      boot_id: lease.bootId,
    },
  })
}

/** A snapshot from the text of a file, or undefined for whatever is not exactly one of this owner. */
export function parseSnapshot(text: string, { server, service }: SnapshotOwner): Snapshot | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    if (value['version'] !== VERSION || value['server'] !== server || value['service'] !== service) return undefined
    const { tag, entries } = value
    if (typeof tag !== 'string' || !Array.isArray(entries)) return undefined
    return {
      memory: {
        applied: readRevision(value['applied'], 'applied'),
        tag,
        expiredUpToMs: readInstant(value['expired_up_to'], 'expired_up_to'),
        entries: entries.map(parseRevocation),
        serviceId: value['service_id'] === null ? undefined : readServiceId(value['service_id']),
        onUnavailable: value['on_unavailable'] === 'last-known-good' ? 'last-known-good' : 'deny',
      },
      lease: parseLease(value['lease']),
    }
  } catch {
    // Damaged, or of another make: nothing is known, as at a first start.
    return undefined
  }
}

function parseLease(value: unknown): StoredLease | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { sent_wall: wall, sent_mono: mono, seconds, boot_id: bootId } = value as Record<string, unknown>
  if (typeof wall !== 'number' || typeof mono !== 'number' || typeof seconds !== 'number') return undefined
  if (typeof bootId !== 'string' || bootId === '' || !(seconds > 0 && seconds <= 86_400)) return undefined
  return { sentWallMs: wall, sentBootMs: mono, leaseMs: seconds * 1000, bootId }
}

function toWire(revocation: Revocation): unknown {
  return {
    kind: revocation.kind,
    value: revocation.value,
    up_to_revision: revocation.upToRevision,
    issued_before: revocation.issuedBeforeMs === null ? null : new Date(revocation.issuedBeforeMs).toISOString(),
    expires_at: new Date(revocation.expiresAtMs).toISOString(),
  }
}
