import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createClientCertificate } from '../../../../../test/support/client-certificate.ts'
import { ServiceError } from '../../errors.ts'
import { createCertificateThumbprint } from './client-certificate.ts'

const PROXY = '10.0.0.1'
const certificate = createClientCertificate()
const another = createClientCertificate()
const thumbprintOf = createCertificateThumbprint({ enabled: true, trustedProxies: ['10.0.0.0/8'] })
const isRefused = (error: unknown) => error instanceof ServiceError && error.code === 'invalid_request'

describe('the Client-Cert header (RFC 9440)', () => {
  test('S-14: from anybody but a declared proxy it is refused, and never ignored', () => {
    for (const peer of ['192.0.2.1', '::1', '127.0.0.1', undefined, 'garbage']) {
      assert.throws(() => thumbprintOf({ clientCert: certificate.header, peer }), isRefused)
    }
    const off = createCertificateThumbprint({ enabled: false, trustedProxies: ['10.0.0.0/8'] })
    const nobody = createCertificateThumbprint({ enabled: true, trustedProxies: [] })
    for (const check of [off, nobody]) {
      assert.throws(() => check({ clientCert: certificate.header, peer: PROXY }), isRefused)
    }
    for (const value of ['', ':', 'no certificate at all']) {
      assert.throws(() => off({ clientCert: value, peer: PROXY }), isRefused)
      assert.throws(() => thumbprintOf({ clientCert: value, peer: '192.0.2.1' }), isRefused)
    }
  })

  const { der, header } = certificate
  const base64 = der.toString('base64')
  const malformed: Readonly<Record<string, string>> = {
    nothing: '',
    'no colons': base64,
    'one colon': `:${base64}`,
    'empty bytes': '::',
    'two certificates': `${header}, ${another.header}`,
    'two certificates in one item': `:${Buffer.concat([der, another.der]).toString('base64')}:`,
    'bytes after the certificate': `:${Buffer.concat([der, Buffer.from([0])]).toString('base64')}:`,
    'a cut certificate': `:${der.subarray(0, -1).toString('base64')}:`,
    base64url: `:${der.toString('base64url')}:`,
    'white space inside': `:${base64.slice(0, 8)} ${base64.slice(8)}:`,
    parameters: `${header};a=1`,
    PEM: `:${Buffer.from(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`).toString('base64')}:`,
    'no certificate': `:${Buffer.from('no certificate').toString('base64')}:`,
    'more than a header may hold': `:${'A'.repeat(13_000)}:`,
  }
  for (const [what, value] of Object.entries(malformed)) {
    test(`${what} is no certificate, also from a proxy`, () => {
      assert.throws(() => thumbprintOf({ clientCert: value, peer: PROXY }), isRefused)
    })
  }

  test('any text is refused or is the certificate byte for byte, and nothing else is thrown', () => {
    const near = fc.tuple(fc.nat(base64.length - 1), fc.constantFrom(...'AZaz09+/=: ')).map(([at, char]) => {
      return `:${base64.slice(0, at)}${char}${base64.slice(at + 1)}:`
    })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `:${text}:`),
          near,
        ),
        (clientCert) => {
          try {
            const found = thumbprintOf({ clientCert, peer: PROXY })
            assert.equal(found === certificate.thumbprint, clientCert.trim() === header)
          } catch (error) {
            assert.ok(isRefused(error))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('a declared proxy is believed: the SHA-256 of the certificate, by any spelling of its address (RFC 8705 section 3.1)', () => {
    assert.equal(thumbprintOf({ clientCert: undefined, peer: '192.0.2.1' }), undefined)
    for (const peer of [PROXY, '::ffff:10.0.0.1']) {
      assert.equal(thumbprintOf({ clientCert: header, peer }), certificate.thumbprint)
    }
    assert.notEqual(certificate.thumbprint, another.thumbprint)
  })
})
