import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createGrowingTree, EMPTY_ROOT, HASH_BYTES, hashLeaf, hashPerfect } from './merkle.ts'
import { appendLeaves, edgeTiles, rootOfEdge, TILE_WIDTH } from './tiles.ts'

function leaves(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, offset) => hashLeaf(Buffer.from(`entry ${from + offset}`)))
}

function rootOf(size: number): Uint8Array {
  const tree = createGrowingTree()
  for (const leaf of leaves(0, size)) tree.append(leaf)
  return tree.root()
}

describe('tiles', () => {
  it('refuse sizes that no tree has', () => {
    for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.throws(() => edgeTiles(size), RangeError)
    }
  })

  it('refuse an edge with a missing, short or long tile', () => {
    const { edge } = appendLeaves(0, new Map(), leaves(0, 3))
    const tile = edge.get(0) ?? new Uint8Array()
    for (const wrong of [new Map(), new Map([[0, tile.subarray(32)]]), new Map([[0, Buffer.concat([tile, tile])]])]) {
      assert.throws(() => rootOfEdge(3, wrong), RangeError)
      assert.throws(() => appendLeaves(3, wrong, leaves(3, 1)), RangeError)
    }
  })

  it('refuse a leaf hash that is not 32 bytes', () => {
    assert.throws(() => appendLeaves(0, new Map(), [new Uint8Array(31)]), TypeError)
  })

  it('have the widths of the example in tlog-tiles', () => {
    assert.deepEqual(edgeTiles(70_000), [
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ])
    assert.deepEqual(edgeTiles(256), [{ level: 1, index: 0, width: 1 }])
    assert.deepEqual(edgeTiles(0), [])
  })

  it('have the root of nothing when nothing is in them', () => {
    assert.deepEqual(rootOfEdge(0, new Map()), EMPTY_ROOT)
    assert.deepEqual(appendLeaves(0, new Map(), []).changed, [])
  })

  it('have the root of the tree however the leaves arrive, and store each full tile once', () => {
    const batches = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(batches, (counts) => {
        const stored = new Map<string, Uint8Array>()
        let tree: { size: number; edge: ReadonlyMap<number, Uint8Array>; root: Uint8Array } = {
          size: 0,
          edge: new Map(),
          root: EMPTY_ROOT,
        }
        for (const count of counts) {
          const grown = appendLeaves(tree.size, tree.edge, leaves(tree.size, count))
          for (const { level, index, hashes } of grown.changed) {
            const before = stored.get(`${level}/${index}`)
            assert.ok(
              before === undefined || before.length < TILE_WIDTH * HASH_BYTES,
              'a full tile is never written again',
            )
            if (before) assert.deepEqual(Buffer.from(hashes.subarray(0, before.length)), Buffer.from(before))
            stored.set(`${level}/${index}`, hashes)
          }
          tree = grown
        }
        assert.deepEqual(tree.root, rootOf(tree.size))
        for (const { level, index, width } of edgeTiles(tree.size)) {
          assert.equal(stored.get(`${level}/${index}`)?.length, width * HASH_BYTES)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('carry the root of each full tile one level up', () => {
    const grown = appendLeaves(0, new Map(), leaves(0, 2 * TILE_WIDTH + 5))
    const [first, second, partial, above] = grown.changed
    assert.deepEqual([first?.level, first?.index, second?.index, partial?.index, above?.level], [0, 0, 1, 2, 1])
    const expected = Buffer.concat(
      [first, second].map((tile) => hashPerfect(tile?.hashes ?? new Uint8Array(), 0, TILE_WIDTH)),
    )
    assert.deepEqual(Buffer.from(above?.hashes ?? []), expected)
  })
})
