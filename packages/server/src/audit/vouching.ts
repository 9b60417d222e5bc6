import { createGrowingTree, type GrowingTree, HASH_BYTES, hashLeaf, isSameHash } from './merkle.ts'

/** An entry whose text and leaf hash do not belong together; which of the two was changed shows at the next checkpoint. */
export interface Mismatch {
  readonly index: number
  readonly line: number
}

/** Which of the two trees has the root that was asked for. */
export type Match = 'entries' | 'leaf_hashes' | 'neither'

/**
 * Two trees over one export: one over the hashes of the entries' text, one over the leaf hashes that the export states. They are
 * one until an entry and its leaf hash disagree; a signed root then tells which of the two is authentic.
 */
export interface VouchedTree {
  readonly size: number
  /** Appends an entry. Returns false when text and stated leaf hash do not belong together (or the text is null: lost). */
  append(entry: Uint8Array | null, leafHash: Uint8Array): boolean
  /** Which tree has this root, at the present size. */
  matchOf(root: Uint8Array): Match
  /** Goes on from the tree that a signed root has confirmed. */
  settle(match: Exclude<Match, 'neither'>): void
}

/** Starts with no leaves, in constant memory. */
export function createVouchedTree(): VouchedTree {
  let size = 0
  let entries: GrowingTree | undefined = createGrowingTree()
  let stated: GrowingTree | undefined = entries

  function append(entry: Uint8Array | null, leafHash: Uint8Array): boolean {
    size += 1
    const computed = entry === null ? undefined : hashLeaf(entry)
    const agrees = computed !== undefined && isSameHash(computed, leafHash)
    if (!agrees && entries !== undefined && entries === stated) stated = entries.clone()
    const separate = stated !== entries
    if (computed === undefined) entries = undefined
    else entries?.append(computed)
    if (separate) {
      if (leafHash.length === HASH_BYTES) stated?.append(leafHash)
      else stated = undefined
    }
    return agrees
  }

  return {
    get size() {
      return size
    },
    append,
    matchOf(root) {
      if (entries !== undefined && isSameHash(entries.root(), root)) return 'entries'
      return stated !== undefined && isSameHash(stated.root(), root) ? 'leaf_hashes' : 'neither'
    },
    settle(match) {
      if (match === 'entries') stated = entries
      else entries = stated
    },
  }
}
