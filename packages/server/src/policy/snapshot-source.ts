import type { Service } from '../inventory/index.ts'
import type { Resource } from '../resources/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Revision } from '../storage/index.ts'
import { buildSnapshot } from './snapshot.ts'
import type { PolicySnapshot } from './types.ts'

/** What the source needs. */
export interface SnapshotSourceDeps {
  readonly database: Pick<Database<Tables>, 'revisions'>
  /** Every resource that is not removed, in its newest state. */
  readonly loadAll: () => Promise<readonly Resource[]>
  readonly builtinServices: readonly Service[]
}

/** The snapshot that decisions are made on now. */
export interface SnapshotSource {
  current(): PolicySnapshot
  /** Ends following the revision log. */
  close(): void
}

// Changes that touch no document. Whatever else happens, the documents are read again: a change that is missed would be a
// policy that lives on after it was removed.
const WITHOUT_DOCUMENTS: ReadonlySet<string> = new Set(['revocation', 'signing_key'])

/**
 * Loads the first snapshot and follows the revision log: a revision counts as applied here only after the snapshot contains it, and
 * when loading fails the revision is tried again, while the age of the head makes exchanges refuse.
 */
export async function createSnapshotSource(deps: SnapshotSourceDeps): Promise<SnapshotSource> {
  const { database, loadAll, builtinServices } = deps
  let snapshot: PolicySnapshot | undefined

  // The number is read before the documents, so that it never claims more than they hold.
  async function load(revision: number): Promise<PolicySnapshot> {
    const resources = await loadAll()
    return buildSnapshot({ resources, builtinServices, revision, ...(snapshot ? { previous: snapshot } : {}) })
  }

  async function apply(changes: readonly Revision[]): Promise<void> {
    const before = await first
    const revision = changes.at(-1)?.revision ?? 0
    if (changes.every((change) => WITHOUT_DOCUMENTS.has(change.kind))) {
      snapshot = { ...(snapshot ?? before), revision }
    } else {
      snapshot = await load(revision)
    }
  }

  // Subscribed before the first load, so that no change falls between the two.
  const unsubscribe = database.revisions.subscribe(apply)
  const first = load(database.revisions.head().revision)
  try {
    snapshot = await first
  } catch (error) {
    unsubscribe()
    throw error
  }
  const loaded = snapshot
  return { current: () => snapshot ?? loaded, close: unsubscribe }
}
