import { HASH_BYTES, hashNode, hashPerfect, isSameHash } from './merkle.ts'
import { TILE_WIDTH, type TilePosition } from './tiles.ts'

/** Reads one tile of the stored tree; it may be wider than the tree of an older size needs, never narrower. */
export type TileReader = (position: TilePosition) => Promise<Uint8Array | undefined>

/**
 * The inclusion proof of a leaf: PATH(index, D[size]) of RFC 6962 section 2.1.1, from the leaf's sibling up to the root's child.
 * @throws RangeError when there is no such leaf in a tree of that size, or a tile is missing.
 */
export async function inclusionProof(read: TileReader, index: number, size: number): Promise<readonly Uint8Array[]> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new RangeError('the tree of that size has no such leaf')
  }
  const proof: Uint8Array[] = []
  let low = 0
  let high = size
  while (high - low > 1) {
    const middle = low + splitOf(high - low)
    if (index < middle) {
      proof.push(await hashRange(read, middle, high))
      high = middle
    } else {
      proof.push(await hashRange(read, low, middle))
      low = middle
    }
  }
  return proof.reverse()
}

/**
 * The consistency proof between two sizes: PROOF(first, D[second]) of RFC 6962 section 2.1.2. Empty when the sizes are equal.
 * @throws RangeError unless 0 < first <= second (nothing can be proved from an empty tree), or when a tile is missing.
 */
export async function consistencyProof(
  read: TileReader,
  first: number,
  second: number,
): Promise<readonly Uint8Array[]> {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 1 || first > second) {
    throw new RangeError('a consistency proof leads from a size above 0 to one that is no smaller')
  }
  const proof: Uint8Array[] = []
  let low = 0
  let high = second
  // RFC 6962: the verifier knows the first tree's root, so it is left out as long as it is one whole subtree.
  let known = true
  while (high > first) {
    const middle = low + splitOf(high - low)
    if (first <= middle) {
      proof.push(await hashRange(read, middle, high))
      high = middle
    } else {
      proof.push(await hashRange(read, low, middle))
      low = middle
      known = false
    }
  }
  if (!known) proof.push(await hashRange(read, low, high))
  return proof.reverse()
}

/** What an inclusion proof claims. Sizes are bigint: a foreign log may be larger than 2^53. */
export interface InclusionClaim {
  readonly leafHash: Uint8Array
  readonly index: bigint
  readonly size: bigint
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Whether the proof shows that the leaf is in the tree (RFC 9162 section 2.1.3.2). False for anything malformed, also size 0. */
export function provesInclusion({ leafHash, index, size, root, proof }: InclusionClaim): boolean {
  // hash lengths and an empty tree are what quick verifiers get wrong.
  if (!areHashes([leafHash, root, ...proof])) return false
  if (!isSize(size) || typeof index !== 'bigint' || index < 0n || index >= size) return false
  let position = index
  let last = size - 1n
  let computed = leafHash
  for (const sibling of proof) {
    if (last === 0n) return false
    if (position % 2n === 1n || position === last) {
      computed = hashNode(sibling, computed)
      while (position % 2n === 0n && position !== 0n) {
        position /= 2n
        last /= 2n
      }
    } else {
      computed = hashNode(computed, sibling)
    }
    position /= 2n
    last /= 2n
  }
  return last === 0n && isSameHash(computed, root)
}

/** What a consistency proof claims: the tree of the first size is a prefix of the tree of the second. */
export interface ConsistencyClaim {
  readonly first: bigint
  readonly second: bigint
  readonly firstRoot: Uint8Array
  readonly secondRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/**
 * Whether the proof shows that the second tree only appends to the first (RFC 9162 section 2.1.4.2).
 * False for anything malformed; an empty first tree proves nothing and is refused.
 */
export function provesConsistency({ first, second, firstRoot, secondRoot, proof }: ConsistencyClaim): boolean {
  if (!areHashes([firstRoot, secondRoot, ...proof])) return false
  if (!isSize(first) || !isSize(second) || first > second) return false
  if (first === second) return proof.length === 0 && isSameHash(firstRoot, secondRoot)
  // A first size that is a power of two is itself one subtree of the second tree: its root starts the path.
  const path = (first & (first - 1n)) === 0n ? [firstRoot, ...proof] : proof
  const start = path[0]
  if (start === undefined || proof.length === 0) return false
  let position = first - 1n
  let last = second - 1n
  while (position % 2n === 1n) {
    position /= 2n
    last /= 2n
  }
  let computedFirst = start
  let computedSecond = start
  for (const sibling of path.slice(1)) {
    if (last === 0n) return false
    if (position % 2n === 1n || position === last) {
      computedFirst = hashNode(sibling, computedFirst)
      computedSecond = hashNode(sibling, computedSecond)
      while (position % 2n === 0n && position !== 0n) {
        position /= 2n
        last /= 2n
      }
    } else {
      computedSecond = hashNode(computedSecond, sibling)
    }
    position /= 2n
    last /= 2n
  }
  return last === 0n && isSameHash(computedFirst, firstRoot) && isSameHash(computedSecond, secondRoot)
}

function isSize(size: unknown): size is bigint {
  return typeof size === 'bigint' && size > 0n && size < 2n ** 64n
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((bytes) => bytes instanceof Uint8Array && bytes.length === HASH_BYTES)
}

/** The largest power of two below n, for n > 1. */
function splitOf(n: number): number {
  let split = 1
  while (split * 2 < n) split *= 2
  return split
}

async function hashRange(read: TileReader, low: number, high: number): Promise<Uint8Array> {
  const count = high - low
  if (!isPowerOfTwo(count)) {
    const middle = low + splitOf(count)
    return hashNode(await hashRange(read, low, middle), await hashRange(read, middle, high))
  }
  let level = 0
  let width = count
  let first = low
  for (; width >= TILE_WIDTH; level += 1) {
    width /= TILE_WIDTH
    first /= TILE_WIDTH
  }
  const index = Math.floor(first / TILE_WIDTH)
  const tile = await read({ level, index })
  if (tile === undefined) throw new RangeError(`tile ${index} of level ${level} is missing`)
  return hashPerfect(tile, first % TILE_WIDTH, width)
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count)) && 2 ** Math.round(Math.log2(count)) === count
}
