import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_WORKLOAD_URI_BYTES, workloadId, workloadUri } from './workload-uri.ts'

const base = { issuerHost: 'sts.acme.example', providerId: 'tp_1', identityClaims: ['namespace', 'serviceaccount'] }
const uriOf = (namespace: string, serviceaccount: string): string | undefined =>
  workloadUri({ ...base, claims: { namespace, serviceaccount } })

describe("a workload's URI", () => {
  it('does not exist without every identity claim', () => {
    assert.equal(workloadUri({ ...base, claims: { namespace: 'a' } }), undefined)
    assert.equal(uriOf('', 'b'), undefined)
    assert.equal(uriOf('a', ''), undefined)
    assert.equal(workloadUri({ ...base, claims: { namespace: 'a', serviceaccount: ['b'] } }), undefined)
    assert.equal(
      workloadUri({ ...base, claims: Object.create({ namespace: 'a', serviceaccount: 'b' }) })?.includes('undefined'),
      false,
    )
  })

  it('does not exist for text without one encoding', () => {
    for (const value of ['\ud800', 'a\udc00', '.', '..']) {
      assert.equal(uriOf('a', value), undefined)
      assert.equal(uriOf(value, 'a'), undefined)
    }
  })

  it('V-18 does not exist when it would be longer than a subject may be', () => {
    assert.equal(uriOf('a', 'b'.repeat(MAX_WORKLOAD_URI_BYTES)), undefined)
    assert.equal(uriOf('a', 'ü'.repeat(400)), undefined)
  })

  it('keeps a value from adding a segment, a query or navigation', () => {
    for (const value of [
      'a/b',
      'a?b',
      'a#b',
      '../..',
      '...',
      '.a',
      '%2E',
      '%2e%2e',
      'a%2Fb',
      'a\\b',
      'a:b',
      'a@b',
      ' ',
      '\n',
      'ü',
      '\u0000',
    ]) {
      const uri = uriOf(value, 'x')
      assert.ok(uri)
      assert.match(
        uri,
        /^countersign:\/\/sts\.acme\.example\/workload\/tp_1\/namespace\/[A-Za-z0-9._~%-]+\/serviceaccount\/x$/,
      )
      assert.equal(new URL(uri).href, uri, 'no parser rewrites it')
    }
  })

  it('is readable where the value is harmless', () => {
    assert.equal(
      uriOf('reports', 'nightly'),
      'countersign://sts.acme.example/workload/tp_1/namespace/reports/serviceaccount/nightly',
    )
  })

  it('T19 differs by provider, so that two issuers with equal claims are two workloads', () => {
    assert.notEqual(
      uriOf('a', 'b'),
      workloadUri({ ...base, providerId: 'tp_2', claims: { namespace: 'a', serviceaccount: 'b' } }),
    )
  })

  it('is injective: different claims never give one URI', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
      fc.string({ unit: fc.constantFrom(...'ab/%2F.:eE'), minLength: 1, maxLength: 6 }),
    )
    fc.assert(
      fc.property(value, value, value, value, (a, b, c, d) => {
        const left = uriOf(a, b)
        const right = uriOf(c, d)
        if (left === undefined || right === undefined) return
        assert.equal(left === right, a === c && b === d)
        const [, , , , , , first = '', , second = ''] = left.split('/')
        assert.equal(decodeURIComponent(first), a)
        assert.equal(decodeURIComponent(second), b)
      }),
      { numRuns: 3000 },
    )
  })

  it('has an id that is a function of it', () => {
    const id = workloadId('countersign://sts.acme.example/workload/tp_1/a/b')
    assert.match(id, /^wl_[0-9a-hjkmnp-tv-z]{32}$/)
    assert.equal(id, workloadId('countersign://sts.acme.example/workload/tp_1/a/b'))
    assert.notEqual(id, workloadId('countersign://sts.acme.example/workload/tp_1/a/B'))
  })
})
