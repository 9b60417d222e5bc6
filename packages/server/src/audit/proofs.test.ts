import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createGrowingTree, EMPTY_ROOT, hashLeaf, hashNode } from './merkle.ts'
import { consistencyProof, inclusionProof, provesConsistency, provesInclusion, type TileReader } from './proofs.ts'
import { appendLeaves } from './tiles.ts'

const SIZE = 600
const leaves = Array.from({ length: SIZE }, (_, index) => hashLeaf(Buffer.from(`entry ${index}`)))
const tiles = new Map(
  appendLeaves(0, new Map(), leaves).changed.map((tile) => [`${tile.level}/${tile.index}`, tile.hashes]),
)
const read: TileReader = async ({ level, index }) => tiles.get(`${level}/${index}`)
const roots: Uint8Array[] = []
const tree = createGrowingTree()
for (let size = 0; size <= SIZE; size += 1) {
  roots.push(tree.root())
  const leaf = leaves[size]
  if (leaf) tree.append(leaf)
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new RangeError(`no item ${index}`)
  return item
}

function flipped(bytes: Uint8Array, bit = 0): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[bit >> 3] = at([...copy], bit >> 3) ^ (1 << (bit & 7))
  return copy
}

/** Every way in which a proof can be altered and still look like one. */
function alterations(proof: readonly Uint8Array[]): (readonly Uint8Array[])[] {
  const altered: (readonly Uint8Array[])[] = [
    [...proof, new Uint8Array(32)],
    [new Uint8Array(32), ...proof],
    [...proof, new Uint8Array(0)],
  ]
  for (let index = 0; index < proof.length; index += 1) {
    altered.push(proof.toSpliced(index, 1), proof.toSpliced(index, 1, flipped(at(proof, index))))
    altered.push(proof.toSpliced(index, 1, at(proof, index).subarray(0, 31)))
    altered.push(proof.toSpliced(index, 0, at(proof, index)))
    if (index > 0) altered.push(proof.toSpliced(index - 1, 2, at(proof, index), at(proof, index - 1)))
  }
  return altered
}

describe('inclusion proofs', () => {
  it('A-07: every index of sizes 1 to 200 proves, and no alteration of it does', async () => {
    for (let size = 1; size <= 200; size += 1) {
      const root = at(roots, size)
      for (let index = 0; index < size; index += 1) {
        const proof = await inclusionProof(read, index, size)
        const claim = { leafHash: at(leaves, index), index: BigInt(index), size: BigInt(size), root, proof }
        assert.ok(provesInclusion(claim), `leaf ${index} of ${size}`)
        assert.ok(!provesInclusion({ ...claim, index: BigInt(index) + 1n }))
        assert.ok(!provesInclusion({ ...claim, leafHash: at(leaves, index + 1) }))
        assert.ok(!provesInclusion({ ...claim, root: at(roots, size + 1) }))
        if (size > 32 && index % 31 > 0) continue
        for (const altered of alterations(proof)) assert.ok(!provesInclusion({ ...claim, proof: altered }))
      }
    }
  })

  it('A-07: an empty tree, a size of 0 and hashes of another length prove nothing', () => {
    const leafHash = at(leaves, 0)
    const claim = { leafHash, index: 0n, size: 1n, root: leafHash, proof: [] }
    assert.ok(provesInclusion(claim))
    assert.ok(!provesInclusion({ ...claim, size: 0n }))
    assert.ok(!provesInclusion({ ...claim, size: 0n, root: EMPTY_ROOT }))
    assert.ok(!provesInclusion({ ...claim, index: -1n }))
    assert.ok(!provesInclusion({ ...claim, index: 1n }))
    assert.ok(!provesInclusion({ ...claim, leafHash: new Uint8Array(0), root: new Uint8Array(0) }))
    assert.ok(!provesInclusion({ ...claim, leafHash: leafHash.subarray(0, 31), root: leafHash.subarray(0, 31) }))
    assert.ok(!provesInclusion({ ...claim, size: 2n ** 64n }))
  })

  it('A-07: sizes and indexes above 2^53 keep every bit', () => {
    const size = 2n ** 53n + 2n
    // The last leaf of a tree of 2^53 + 2 leaves: its sibling is a leaf, beside both stands the perfect tree of 2^53.
    const [leafHash, sibling, left] = [at(leaves, 0), at(leaves, 1), at(leaves, 2)]
    const root = hashNode(left, hashNode(sibling, leafHash))
    const claim = { leafHash, index: size - 1n, size, proof: [sibling, left], root }
    assert.ok(provesInclusion(claim))
    assert.ok(!provesInclusion({ ...claim, index: size - 2n }))
    assert.ok(!provesInclusion({ ...claim, index: BigInt(Number(size) - 1) }))
    assert.ok(!provesInclusion({ ...claim, size: size + 1n }))
  })

  it('are refused for leaves that a tree does not have, and when a tile is missing', async () => {
    for (const [index, size] of [
      [0, 0],
      [5, 5],
      [-1, 5],
      [0.5, 5],
      [0, 2 ** 53],
    ] as const) {
      await assert.rejects(inclusionProof(read, index, size), RangeError)
    }
    await assert.rejects(
      inclusionProof(async () => undefined, 0, 5),
      RangeError,
    )
  })
})

describe('consistency proofs', () => {
  it('A-07: every pair of sizes up to 70 proves, and no alteration of it does', async () => {
    for (let second = 1; second <= 70; second += 1) {
      for (let first = 1; first <= second; first += 1) {
        const proof = await consistencyProof(read, first, second)
        const claim = {
          first: BigInt(first),
          second: BigInt(second),
          firstRoot: at(roots, first),
          secondRoot: at(roots, second),
          proof,
        }
        assert.ok(provesConsistency(claim), `${first} to ${second}`)
        assert.ok(!provesConsistency({ ...claim, firstRoot: flipped(claim.firstRoot) }))
        assert.ok(!provesConsistency({ ...claim, secondRoot: flipped(claim.secondRoot, 255) }))
        for (const altered of alterations(proof)) assert.ok(!provesConsistency({ ...claim, proof: altered }))
      }
    }
  })

  it('A-07: nothing is consistent with an empty tree, a smaller tree or short hashes', () => {
    const root = at(roots, 3)
    const claim = { first: 3n, second: 3n, firstRoot: root, secondRoot: root, proof: [] }
    assert.ok(provesConsistency(claim))
    assert.ok(!provesConsistency({ ...claim, first: 0n, firstRoot: EMPTY_ROOT }))
    assert.ok(!provesConsistency({ ...claim, first: 0n, second: 0n, firstRoot: EMPTY_ROOT, secondRoot: EMPTY_ROOT }))
    assert.ok(!provesConsistency({ ...claim, second: 2n }))
    assert.ok(!provesConsistency({ ...claim, second: 4n }))
    const short = root.subarray(0, 16)
    assert.ok(!provesConsistency({ ...claim, firstRoot: short, secondRoot: short }))
  })

  it('are not made from an empty or a larger tree', async () => {
    for (const [first, second] of [
      [0, 5],
      [0, 0],
      [6, 5],
      [1.5, 5],
    ] as const) {
      await assert.rejects(consistencyProof(read, first, second), RangeError)
    }
  })

  it('and inclusion proofs hold over several levels of tiles', async () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.integer({ min: 1, max: SIZE }))
    await fc.assert(
      fc.asyncProperty(sizes, async ([a, b]) => {
        const first = Math.min(a, b)
        const second = Math.max(a, b)
        const secondRoot = at(roots, second)
        assert.ok(
          provesConsistency({
            first: BigInt(first),
            second: BigInt(second),
            firstRoot: at(roots, first),
            secondRoot,
            proof: await consistencyProof(read, first, second),
          }),
        )
        const index = first - 1
        const proof = await inclusionProof(read, index, second)
        const claim = {
          leafHash: at(leaves, index),
          index: BigInt(index),
          size: BigInt(second),
          root: secondRoot,
          proof,
        }
        assert.ok(provesInclusion(claim))
      }),
    )
  })

  it('never prove anything for random hashes', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const claim = fc.record({
      first: fc.bigInt({ min: 0n, max: 2n ** 65n }),
      second: fc.bigInt({ min: 0n, max: 2n ** 65n }),
      firstRoot: bytes,
      secondRoot: bytes,
      proof: fc.array(bytes, { minLength: 1, maxLength: 70 }),
    })
    fc.assert(fc.property(claim, (random) => assert.ok(!provesConsistency(random))))
  })
})
