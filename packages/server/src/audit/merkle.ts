import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'

/** Bytes of every hash in the tree (SHA-256). */
export const HASH_BYTES = 32

/** The root of a tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1). */
export const EMPTY_ROOT: Uint8Array = sha256(Buffer.alloc(0))

const LEAF_PREFIX = Buffer.of(0x00)
const node = Buffer.alloc(1 + 2 * HASH_BYTES)
node[0] = 0x01

/** The hash of a leaf, SHA-256(0x00 ‖ entry): RFC 6962 section 2.1. */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([LEAF_PREFIX, entry]))
}

/** The hash of an inner node, SHA-256(0x01 ‖ left ‖ right): the prefixes keep a leaf from passing for a node (RFC 6962 section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new TypeError('a hash has 32 bytes')
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return sha256(node)
}

/** Through a string of bytes: less than half the time of asking for a buffer. */
function sha256(bytes: Uint8Array): Uint8Array {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'binary')
}

/** Whether two byte strings are equal. Hashes in the log are public, so the time that it takes tells nothing. */
export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/**
 * The root of a perfect subtree: `count` (a power of two) hashes of 32 bytes, one after the other, from hash number `first` on.
 * @throws RangeError when the bytes do not hold them.
 */
export function hashPerfect(hashes: Uint8Array, first: number, count: number): Uint8Array {
  const start = first * HASH_BYTES
  if (start + count * HASH_BYTES > hashes.length) throw new RangeError('the tile holds fewer hashes')
  if (count === 1) return hashes.slice(start, start + HASH_BYTES)
  return hashNode(hashPerfect(hashes, first, count / 2), hashPerfect(hashes, first + count / 2, count / 2))
}

/** A growing tree that keeps only the roots of its perfect subtrees, at most 53 hashes. */
export interface GrowingTree {
  readonly size: number
  append(leafHash: Uint8Array): void
  /** The RFC 6962 root at the present size. */
  root(): Uint8Array
  /** A second tree in the same state; the two grow apart from here. */
  clone(): GrowingTree
}

/** A tree in memory that leaves are appended to one by one, in constant memory. Starts empty. */
export function createGrowingTree(
  initial: { size: number; peaks: readonly Uint8Array[] } = { size: 0, peaks: [] },
): GrowingTree {
  let { size } = initial
  const peaks = [...initial.peaks]
  return {
    get size() {
      return size
    },
    append(leafHash) {
      if (leafHash.length !== HASH_BYTES) throw new TypeError('a hash has 32 bytes')
      let merged = leafHash
      // Each trailing one bit of the size is a perfect subtree on the right edge that the new leaf completes.
      for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
        const left = peaks.pop()
        if (left === undefined) throw new Error('the tree lost a peak')
        merged = hashNode(left, merged)
      }
      peaks.push(merged)
      size += 1
    },
    root() {
      const last = peaks.at(-1)
      if (last === undefined) return EMPTY_ROOT
      return peaks.slice(0, -1).reduceRight((right, left) => hashNode(left, right), last)
    },
    clone: () => createGrowingTree({ size, peaks }),
  }
}
