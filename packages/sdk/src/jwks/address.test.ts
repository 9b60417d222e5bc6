import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCountersignError } from '../errors.ts'
import { type AddressClass, classifyAddress, isAddressAllowed, isPublicAddress } from './address.ts'
import { parseFetchUrl, parseIssuerUrl, type UrlRules } from './url.ts'

const STRICT: UrlRules = { allowedOrigins: [], allowPrivateNetwork: false, allowLoopbackHttp: false }

test('J-02: every class of address that is not public is refused', () => {
  const table: Record<Exclude<AddressClass, 'public'>, string[]> = {
    loopback: ['127.0.0.1', '127.255.255.255', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1'],
    private: [
      '10.0.0.1',
      '10.255.255.255',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.0.1',
      'fc00::1',
      'fd12:3456::1',
      'fec0::1',
    ],
    shared: ['100.64.0.1', '100.127.255.255'],
    'link-local': ['169.254.169.254', '169.254.0.1', 'fe80::1', 'febf::1'],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
    metadata: ['168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254'],
    translated: [
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '::ffff:7f00:1',
      '::127.0.0.1',
      '::8.8.8.8',
      '::ffff:0:127.0.0.1',
      '64:ff9b::127.0.0.1',
      '64:ff9b::808:808',
      '64:ff9b:1::1',
      '2002:7f00:1::1',
      '2002:a00:1::',
      '2001:0:7f00:1::',
    ],
    reserved: [
      '0.0.0.0',
      '0.1.2.3',
      '192.0.0.1',
      '192.0.0.192',
      '192.0.2.1',
      '192.88.99.1',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.1',
      '203.0.113.1',
      '240.0.0.1',
      '255.255.255.255',
      '::',
      '100::1',
      '2001:2::1',
      '2001:10::1',
      '2001:20::1',
      '2001:db8::1',
      '3fff::1',
      '5f00::1',
      '4000::1',
      '1::1',
    ],
    invalid: [
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '01.2.3.4',
      '0x7f.0.0.1',
      '2130706433',
      '127.1',
      'fe80::1%eth0',
      '2606:4700::1%1',
      ':::',
      '[::1]',
      ' 8.8.8.8',
      '8.8.8.8/8',
      '::ffff:256.1.1.1',
    ],
  }
  for (const [name, addresses] of Object.entries(table)) {
    for (const address of addresses) {
      assert.equal(classifyAddress(address), name, address)
      assert.equal(isPublicAddress(address), false, address)
      assert.equal(isAddressAllowed(address, 'public'), false, address)
    }
  }
})

test('J-02: public addresses beside each refused range are public', () => {
  for (const address of [
    '1.0.0.0',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2001:200::1',
    '2001:4860:4860::8888',
    '2003::1',
    '2606:4700:4700::1111',
    '2a00:1450::1',
    '3ffe::1',
  ]) {
    assert.equal(classifyAddress(address), 'public', address)
  }
})

test('J-02: no rule admits link-local, metadata, multicast, reserved or translated addresses', () => {
  for (const address of [
    '169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    '168.63.129.16',
    '224.0.0.1',
    '0.0.0.0',
    '::',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '255.255.255.255',
  ]) {
    for (const rule of ['public', 'private', 'loopback'] as const)
      assert.equal(isAddressAllowed(address, rule), false, address)
  }
  for (const address of ['10.0.0.1', '127.0.0.1', '::1', 'fd12::1', '100.64.0.1', '8.8.8.8']) {
    assert.equal(isAddressAllowed(address, 'private'), true, address)
    assert.equal(isAddressAllowed(address, 'loopback'), address === '127.0.0.1' || address === '::1', address)
  }
})

test('J-02: whatever an IPv4 address is, no IPv6 form of it is public', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
      const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
      for (const form of [
        `::ffff:${address}`,
        `::ffff:${hex}`,
        `::${hex}`,
        `64:ff9b::${hex}`,
        `2002:${hex}::`,
        `2001:0:${hex}::`,
      ]) {
        assert.equal(isPublicAddress(form), false, form)
      }
    }),
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (text) => typeof classifyAddress(text) === 'string'),
  )
})

test('J-01, J-02: 60 spellings of a host that are not one plain https origin are refused', () => {
  const spellings = [
    'http://issuer.example',
    'HTTPS://issuer.example',
    'ftp://issuer.example',
    'file:///etc/passwd',
    'data:application/json,{}',
    'unix:/run/x.sock',
    '//issuer.example',
    'issuer.example',
    'https:issuer.example',
    'https:/issuer.example',
    'https:///issuer.example',
    'https:\\\\issuer.example',
    'https://issuer.example\\@evil.example',
    'https://user@issuer.example',
    'https://user:pass@issuer.example',
    'https://issuer.example@127.0.0.1',
    'https://@issuer.example',
    'https://issuer.example#fragment',
    'https://issuer.example/#',
    'https://Issuer.example',
    'https://issuer.example.',
    'https://.issuer.example',
    'https://issuer..example',
    'https://-issuer.example',
    'https://issuer-.example',
    'https://issuer.example:0',
    'https://issuer.example:80',
    'https://issuer.example:22',
    'https://issuer.example:65536',
    'https://issuer.example:0443',
    'https://issuer.example:',
    'https://issuer.example:443:443',
    'https://2130706433',
    'https://0x7f000001',
    'https://0x7f.0.0.1',
    'https://0177.0.0.1',
    'https://017700000001',
    'https://127.1',
    'https://127.0.1',
    'https://127.0.0.01',
    'https://127.0.0.1.',
    'https://1.2.3.4.5',
    'https://0',
    'https://256.256.256.256',
    'https://[::0001]',
    'https://[0:0:0:0:0:0:0:1]',
    'https://[::ffff:127.0.0.1]',
    'https://[::1',
    'https://::1',
    'https://[fe80::1%25eth0]',
    'https://[v1.x]',
    'https://①②⑦.⓪.⓪.①',
    'https://127。0。0。1',
    'https://ⓛocalhost',
    'https://issuer.exаmple',
    'https://issuer%2eexample',
    'https://%31%32%37.0.0.1',
    'https://issuer.example/\u0000',
    'https://issuer.example/\n',
    'https://iss\tuer.example',
    ' https://issuer.example',
    'https://issuer.example ',
    'https://issuer.example/ä',
    'https://issuer.example/"',
    'https://a_.-b.example',
    `https://${'a'.repeat(64)}.example`,
    `https://issuer.example/${'a'.repeat(2048)}`,
    '',
    'https://',
  ]
  assert.ok(spellings.length >= 60)
  for (const spelling of spellings) {
    assert.throws(() => parseFetchUrl(spelling, STRICT), { code: 'url_refused' }, spelling)
  }
  for (const bad of [undefined, null, 1, {}])
    assert.throws(() => parseFetchUrl(bad as never, STRICT), { code: 'url_refused' })
})

test('J-01: plain https URLs are fetchable, with an address rule for the connection', () => {
  for (const good of [
    'https://issuer.example',
    'https://issuer.example/',
    'https://issuer.example:8443/a/b',
    'https://issuer.example:443/a?b=c&d=%20',
    'https://a-b.c_d.example/x/.well-known/y',
    'https://8.8.8.8/jwks',
    'https://127.0.0.1/jwks',
    'https://[::1]/jwks',
    'https://xn--mnchen-3ya.example',
  ]) {
    assert.equal(parseFetchUrl(good, STRICT).addresses, 'public', good)
    assert.equal(parseFetchUrl(good, { ...STRICT, allowPrivateNetwork: true }).addresses, 'private', good)
  }
})

test('J-01: http is for loopback hosts only, and only where it is allowed', () => {
  const dev = { ...STRICT, allowLoopbackHttp: true }
  for (const good of ['http://127.0.0.1:1234/x', 'http://localhost:8080', 'http://[::1]:8080/y']) {
    assert.equal(parseFetchUrl(good, dev).addresses, 'loopback', good)
    assert.throws(() => parseFetchUrl(good, STRICT), { code: 'url_refused' })
    assert.throws(() => parseFetchUrl(good, { ...STRICT, allowPrivateNetwork: true }), { code: 'url_refused' })
  }
  for (const bad of [
    'http://10.0.0.1',
    'http://issuer.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.nip.io',
    'http://0.0.0.0',
    'http://128.0.0.1',
  ]) {
    assert.throws(() => parseFetchUrl(bad, { ...dev, allowPrivateNetwork: true }), { code: 'url_refused' }, bad)
  }
})

test('J-01: other ports need an allowlisted origin or an own network', () => {
  const url = 'https://issuer.example:9443/jwks'
  assert.throws(() => parseFetchUrl(url, STRICT), { code: 'url_refused' })
  assert.ok(parseFetchUrl(url, { ...STRICT, allowedOrigins: ['https://issuer.example:9443'] }))
  assert.throws(() => parseFetchUrl(url, { ...STRICT, allowedOrigins: ['https://issuer.example'] }), {
    code: 'url_refused',
  })
  assert.ok(parseFetchUrl(url, { ...STRICT, allowPrivateNetwork: true }))
})

test('T4, T5: an issuer has no query, no empty or dot segments, and at most 255 characters', () => {
  for (const bad of [
    'https://issuer.example?x',
    'https://issuer.example/?https://other.example',
    'https://issuer.example//a',
    'https://issuer.example/a//',
    'https://issuer.example/a/../b',
    'https://issuer.example/..',
    'https://issuer.example/./a',
    'https://issuer.example/%2e%2e/a',
    'https://issuer.example/a%2Fb',
    'http://localhost:3000?https://issuer.example/',
    `https://issuer.example/${'a'.repeat(233)}`,
  ]) {
    assert.throws(() => parseIssuerUrl(bad, STRICT), { code: 'url_refused' }, bad)
  }
  for (const good of [
    'https://issuer.example',
    'https://issuer.example/',
    'https://oidc.eks.eu-west-1.example/id/ABCDEF',
    'https://sts.example/a.b/..c/v2.0',
  ]) {
    assert.ok(parseIssuerUrl(good, STRICT), good)
  }
})

test('V-24: any text as a URL is refused with a typed error or is fetched exactly where it says', () => {
  const piece = fc.constantFrom(
    'https://',
    'http://',
    'a',
    'b.example',
    '127.0.0.1',
    '[::1]',
    '0x7f',
    '@',
    ':',
    '/',
    '\\',
    '.',
    '%',
    '#',
    '?',
    ' ',
    '443',
    '..',
    'é',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('')
      try {
        const { url } = parseFetchUrl(text, { ...STRICT, allowLoopbackHttp: true })
        assert.ok(text.startsWith(`${url.protocol}//${url.hostname}`), text)
        assert.equal(url.username + url.password + url.hash, '')
      } catch (error) {
        assert.ok(isCountersignError(error, 'url_refused'), text)
      }
    }),
    { numRuns: 3000 },
  )
})
