import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findNearest } from './suggest.ts'

const names = ['list', 'get', 'create', 'delete', 'trust-policies', 'signing-keys', 'explain']

test('suggests nothing for a word that is near nothing', () => {
  for (const word of ['', 'x', 'zzzzzz', 'policy-of-mine', 'q'.repeat(10_000)])
    assert.equal(findNearest(word, names), undefined)
})

test('finds the name behind one slip', () => {
  assert.equal(findNearest('lsit', names), 'list')
  assert.equal(findNearest('creat', names), 'create')
  assert.equal(findNearest('explian', names), 'explain')
  assert.equal(findNearest('trust-polices', names), 'trust-policies')
  assert.equal(findNearest('policies', names), 'trust-policies')
})

test('property: an exact name is its own nearest', () => {
  fc.assert(fc.property(fc.constantFrom(...names), (name) => assert.equal(findNearest(name, names), name)))
})
