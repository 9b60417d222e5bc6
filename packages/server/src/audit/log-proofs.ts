import { ServiceError } from '../errors.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { hashLeaf, isSameHash } from './merkle.ts'
import { consistencyProof, inclusionProof, provesConsistency, provesInclusion, type TileReader } from './proofs.ts'
import { findCheckpoint, findEvent, findLeaf, findNewestCheckpoint, findTile, type StoredCheckpoint } from './store.ts'

/** Shows that one event is in the log that a checkpoint was signed for. */
export interface EventProof {
  /** The exact bytes of the event; SHA-256(0x00 ‖ entry) is the leaf hash. */
  readonly entry: Uint8Array
  readonly index: number
  readonly proof: readonly Uint8Array[]
  readonly checkpoint: StoredCheckpoint
}

/** Shows that a later checkpoint only appends to an earlier one. */
export interface GrowthProof {
  readonly first: StoredCheckpoint
  readonly second: StoredCheckpoint
  readonly proof: readonly Uint8Array[]
}

/** Proofs for people who hold a checkpoint and not the whole log. */
export interface LogProofs {
  /** The proof under the newest checkpoint; undefined for an event that is unknown or not sealed yet. */
  inclusion(eventId: string): Promise<EventProof | undefined>
  /** Undefined when one of the sizes has no checkpoint, or they are not in order. */
  consistency(first: number, second: number): Promise<GrowthProof | undefined>
}

/**
 * Proofs from the stored tiles. A proof is verified before it leaves: what the tree no longer shows is audit_invalid and never
 * an answer that fails at the receiver.
 */
export function createLogProofs({ database }: { database: Database<Tables> }): LogProofs {
  const read: TileReader = (position) => findTile(database.read, position)
  return {
    async inclusion(eventId) {
      const [event, leaf] = [await findEvent(database.read, eventId), await findLeaf(database.read, eventId)]
      // Last: the newest checkpoint covers every leaf that was read before it.
      const checkpoint = await findNewestCheckpoint(database.read)
      if (event === undefined || leaf === undefined || checkpoint === undefined) return undefined
      const { index, leafHash } = leaf
      const proof = await proveFrom(() => inclusionProof(read, index, checkpoint.size))
      const claim = {
        leafHash: hashLeaf(event.body),
        index: BigInt(index),
        size: BigInt(checkpoint.size),
        root: checkpoint.root,
      }
      if (!isSameHash(leafHash, claim.leafHash) || !provesInclusion({ ...claim, proof })) {
        throw new ServiceError('audit_invalid', { internal: `event ${eventId} is not in the tree where its leaf says` })
      }
      return { entry: event.body, index, proof, checkpoint }
    },
    async consistency(firstSize, secondSize) {
      if (firstSize < 1 || firstSize > secondSize) return undefined
      const first = await findCheckpoint(database.read, firstSize)
      const second = await findCheckpoint(database.read, secondSize)
      if (first === undefined || second === undefined) return undefined
      const proof = await proveFrom(() => consistencyProof(read, firstSize, secondSize))
      const claim = {
        first: BigInt(firstSize),
        second: BigInt(secondSize),
        firstRoot: first.root,
        secondRoot: second.root,
      }
      if (!provesConsistency({ ...claim, proof })) {
        throw new ServiceError('audit_invalid', { internal: `checkpoints ${firstSize} and ${secondSize} do not agree` })
      }
      return { first, second, proof }
    },
  }
}

async function proveFrom(make: () => Promise<readonly Uint8Array[]>): Promise<readonly Uint8Array[]> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof RangeError) throw new ServiceError('audit_invalid', { internal: error.message, cause: error })
    throw error
  }
}
