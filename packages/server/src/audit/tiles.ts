import { Buffer } from 'node:buffer'
import { EMPTY_ROOT, HASH_BYTES, hashNode, hashPerfect } from './merkle.ts'

/** Hashes in a full tile: C2SP tlog-tiles, height 8. */
export const TILE_WIDTH = 256

/** Where a tile lies: level 0 holds leaf hashes, each hash of level L + 1 is the root of a full tile of level L. */
export interface TilePosition {
  readonly level: number
  readonly index: number
}

/** A tile and its 1 to 256 hashes of 32 bytes, one after the other. */
export interface Tile extends TilePosition {
  readonly hashes: Uint8Array
}

/** The partial tiles on the right edge of a tree, by level. They alone determine its root. */
export type TreeEdge = ReadonlyMap<number, Uint8Array>

/**
 * The positions and widths of the partial tiles of a tree of this size, lowest level first; full tiles and empty ones are left
 * out (tlog-tiles: the partial tile at level l has `floor(size / 256^l) mod 256` hashes).
 * @throws RangeError for a size that is no whole number from 0 to 2^53 - 1.
 */
export function edgeTiles(size: number): readonly (TilePosition & { readonly width: number })[] {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('a tree size is a whole number below 2^53')
  const tiles: (TilePosition & { width: number })[] = []
  for (let level = 0, rest = size; rest > 0; level += 1, rest = Math.floor(rest / TILE_WIDTH)) {
    const width = rest % TILE_WIDTH
    if (width > 0) tiles.push({ level, index: Math.floor(rest / TILE_WIDTH), width })
  }
  return tiles
}

/**
 * The RFC 6962 root of a tree, from the partial tiles on its right edge.
 * @throws RangeError when a tile of the edge is missing or does not have exactly the width that the size demands.
 */
export function rootOfEdge(size: number, edge: TreeEdge): Uint8Array {
  let root: Uint8Array | undefined
  for (const { level, width } of edgeTiles(size)) {
    const hashes = tileOfEdge(edge, level, width)
    // Perfect subtrees from right to left: each set bit of the width is one of them, lower bits lie further right.
    for (let count = 1; count <= width; count *= 2) {
      if (Math.floor(width / count) % 2 === 0) continue
      const first = Math.floor(width / (2 * count)) * 2 * count
      const subtree = hashPerfect(hashes, first, count)
      root = root === undefined ? subtree : hashNode(subtree, root)
    }
  }
  return root ?? EMPTY_ROOT
}

/** A tree after leaves were appended: its size, edge and root, and each tile that is new or grew. */
export interface GrownTree {
  readonly size: number
  readonly edge: TreeEdge
  readonly root: Uint8Array
  readonly changed: readonly Tile[]
}

/**
 * Appends leaf hashes to a tree of which only the edge is at hand. Pure: the edge that was passed stays as it is.
 * @throws RangeError when the edge does not belong to the size; TypeError for a leaf hash that is not 32 bytes.
 */
export function appendLeaves(size: number, edge: TreeEdge, leafHashes: readonly Uint8Array[]): GrownTree {
  if (leafHashes.some((leaf) => leaf.length !== HASH_BYTES)) throw new TypeError('a hash has 32 bytes')
  for (const { level, width } of edgeTiles(size)) tileOfEdge(edge, level, width)
  const grown = new Map(edge)
  const changed: Tile[] = []
  let added: readonly Uint8Array[] = leafHashes
  for (let level = 0, rest = size; added.length > 0; level += 1, rest = Math.floor(rest / TILE_WIDTH)) {
    const hashes = Buffer.concat([edge.get(level) ?? Buffer.alloc(0), ...added])
    const completed: Uint8Array[] = []
    let index = Math.floor(rest / TILE_WIDTH)
    let offset = 0
    for (; hashes.length - offset >= TILE_WIDTH * HASH_BYTES; offset += TILE_WIDTH * HASH_BYTES, index += 1) {
      const full = hashes.subarray(offset, offset + TILE_WIDTH * HASH_BYTES)
      changed.push({ level, index, hashes: full })
      completed.push(hashPerfect(full, 0, TILE_WIDTH))
    }
    const partial = hashes.subarray(offset)
    if (partial.length > 0) {
      changed.push({ level, index, hashes: partial })
      grown.set(level, partial)
    } else {
      grown.delete(level)
    }
    added = completed
  }
  const newSize = size + leafHashes.length
  return { size: newSize, edge: grown, root: rootOfEdge(newSize, grown), changed }
}

function tileOfEdge(edge: TreeEdge, level: number, width: number): Uint8Array {
  const hashes = edge.get(level)
  if (hashes === undefined) throw new RangeError(`the partial tile of level ${level} is missing`)
  if (hashes.length !== width * HASH_BYTES) {
    throw new RangeError(
      `the partial tile of level ${level} has ${hashes.length} bytes instead of ${width * HASH_BYTES}`,
    )
  }
  return hashes
}
