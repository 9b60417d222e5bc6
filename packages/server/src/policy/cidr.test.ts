import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isInRanges, parseAddress, parseCidr, parseRanges, rangesInside } from './cidr.ts'

const ipv4 = fc.ipV4()
const ipv6 = fc.ipV6()

function contains(range: string, address: string): boolean {
  const [parsedRange, parsedAddress] = [parseCidr(range), parseAddress(address)]
  assert.ok(parsedRange && parsedAddress)
  return isInRanges(parsedAddress, [parsedRange])
}

describe('cidr', () => {
  for (const text of [
    '',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8.0',
    '10.0.0.0/8/8',
    '10.1.2.3/8',
    '010.0.0.0/8',
    '10.0.0/8',
    '2001:db8::1/32',
    '2001:db8::/129',
    'fe80::1%eth0',
    '::ffff:10.0.0.0/95',
    'example.com',
    ' 10.0.0.0/8',
    '10.0.0.0/8\n',
  ]) {
    test(`refuses ${JSON.stringify(text)} as a range`, () => assert.equal(parseCidr(text), undefined))
  }

  const misses = [
    ['10.0.0.0/8', '11.0.0.0'],
    ['192.0.2.0/24', '192.0.3.0'],
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8::/32', '2001:db9::'],
    ['::/0', '192.0.2.1'],
    ['0.0.0.0/0', '2001:db8::1'],
  ] as const
  for (const [range, address] of misses) {
    test(`${address} is not in ${range}`, () => assert.equal(contains(range, address), false))
  }

  const hits = [
    ['10.0.0.0/8', '10.255.255.255'],
    ['0.0.0.0/0', '255.255.255.255'],
    ['192.0.2.0/24', '::ffff:192.0.2.7'],
    ['::ffff:192.0.2.0/120', '192.0.2.7'],
    ['2001:db8::/32', '2001:db8:ffff::1'],
    ['::1', '::1'],
  ] as const
  for (const [range, address] of hits) {
    test(`${address} is in ${range}`, () => assert.equal(contains(range, address), true))
  }

  test('agrees with the BlockList of the platform', () => {
    fc.assert(
      fc.property(ipv4, ipv4, fc.integer({ min: 0, max: 32 }), (network, address, prefix) => {
        const range = parseCidr(`${network}/${prefix}`)
        fc.pre(range !== undefined)
        const list = new BlockList()
        list.addSubnet(network, prefix, 'ipv4')
        assert.equal(contains(`${network}/${prefix}`, address), list.check(address, 'ipv4'))
      }),
    )
    fc.assert(
      fc.property(ipv6, fc.integer({ min: 0, max: 128 }), (address, prefix) => {
        const list = new BlockList()
        list.addSubnet('2001:db8:85a3::', 48, 'ipv6')
        assert.equal(contains('2001:db8:85a3::/48', address), list.check(address, 'ipv6'))
        const parsed = parseCidr(`::/${prefix}`)
        assert.ok(parsed)
      }),
    )
  })

  test('any text parses or is refused, and nothing throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), ipv4, ipv6), fc.string(), (text, suffix) => {
        parseAddress(text)
        parseCidr(`${text}/${suffix}`)
      }),
    )
  })

  test('an address is in several ranges when it is in one of them', () => {
    const [ranges, address] = [parseRanges(['192.0.2.0/24', '10.0.0.0/8']), parseAddress('10.0.0.1')]
    assert.ok(ranges && address)
    assert.equal(isInRanges(address, ranges), true)
    assert.equal(isInRanges(address, []), false)
  })

  test('ranges of which one does not parse are none', () => {
    assert.equal(parseRanges(['10.0.0.0/8', 'x']), undefined)
    assert.equal(parseRanges(['10.0.0.0/8'])?.length, 1)
  })

  test('the mapped range of all IPv4 is that of IPv4', () => {
    assert.deepEqual(parseCidr('::ffff:0:0/96'), parseCidr('0.0.0.0/0'))
  })

  const inside: readonly (readonly [readonly string[], readonly string[], boolean])[] = [
    [['10.0.0.0/8'], ['10.1.0.0/16'], false],
    [['10.1.0.0/16', '192.0.2.0/24'], ['10.0.0.0/8'], false],
    [['10.0.0.0/8'], ['2001:db8::/32'], false],
    [['::/0'], ['0.0.0.0/0'], false],
    [['0.0.0.0/0'], ['::/0'], false],
    [['10.0.0.0/9'], ['10.128.0.0/9'], false],
    [['10.128.0.0/9'], ['10.0.0.0/9'], false],
    [['10.0.0.0/8'], [], false],
    [['10.1.0.0/16'], ['10.0.0.0/8'], true],
    [['10.0.0.0/8'], ['10.0.0.0/8'], true],
    [['10.1.0.0/16', '192.0.2.7'], ['192.0.2.0/24', '10.0.0.0/8'], true],
  ]
  for (const [inner, outer, expected] of inside) {
    test(`${inner.join(', ')} is ${expected ? '' : 'not '}inside ${outer.join(', ') || 'nothing'}`, () => {
      const [left, right] = [parseRanges(inner), parseRanges(outer)]
      assert.ok(left && right)
      assert.equal(rangesInside(left, right), expected)
    })
  }
})
