import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createGrowingTree, EMPTY_ROOT, hashLeaf, hashNode, hashPerfect } from './merkle.ts'

/** MTH of RFC 6962 section 2.1, written down as the RFC defines it and sharing no code with the implementation. */
function referenceRoot(entries: readonly Uint8Array[]): Buffer {
  if (entries.length === 0) return createHash('sha256').digest()
  const [only] = entries
  if (entries.length === 1 && only) return createHash('sha256').update('\0').update(only).digest()
  let split = 1
  while (split * 2 < entries.length) split *= 2
  const left = referenceRoot(entries.slice(0, split))
  return createHash('sha256')
    .update('\x01')
    .update(left)
    .update(referenceRoot(entries.slice(split)))
    .digest()
}

function growTree(entries: readonly Uint8Array[]) {
  const tree = createGrowingTree()
  for (const entry of entries) tree.append(hashLeaf(entry))
  return tree
}

// The test tree that Certificate Transparency implementations share.
const VECTOR_ENTRIES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const VECTOR_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('RFC 6962 hashing', () => {
  it('refuses hashes that are not 32 bytes (A-07)', () => {
    assert.throws(() => hashNode(new Uint8Array(31), new Uint8Array(32)), TypeError)
    assert.throws(() => hashNode(new Uint8Array(32), new Uint8Array(33)), TypeError)
    assert.throws(() => createGrowingTree().append(new Uint8Array(0)), TypeError)
    assert.throws(() => hashPerfect(new Uint8Array(63), 0, 2), RangeError)
  })

  it('gives the empty tree the hash of nothing', () => {
    const expected = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    assert.equal(Buffer.from(EMPTY_ROOT).toString('hex'), expected)
    assert.deepEqual(createGrowingTree().root(), EMPTY_ROOT)
  })

  it('never lets a leaf pass for a node: the prefixes differ', () => {
    const left = hashLeaf(Buffer.from('a'))
    const right = hashLeaf(Buffer.from('b'))
    assert.notDeepEqual(hashLeaf(Buffer.concat([left, right])), hashNode(left, right))
  })

  it('computes the roots of the shared test tree', () => {
    const entries = VECTOR_ENTRIES.map((hex) => Buffer.from(hex, 'hex'))
    for (const [index, root] of VECTOR_ROOTS.entries()) {
      const tree = growTree(entries.slice(0, index + 1))
      assert.equal(Buffer.from(tree.root()).toString('hex'), root)
      assert.equal(tree.size, index + 1)
    }
  })

  it('equals the definition of the RFC for every list of entries', () => {
    const entries = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 80 })
    fc.assert(fc.property(entries, (list) => assert.deepEqual(Buffer.from(growTree(list).root()), referenceRoot(list))))
  })

  it('clones a tree that grows apart from the first', () => {
    const tree = growTree([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')])
    const copy = tree.clone()
    copy.append(hashLeaf(Buffer.from('d')))
    assert.deepEqual(tree.root(), growTree([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]).root())
    assert.equal(tree.size, 3)
    assert.equal(copy.size, 4)
  })
})
