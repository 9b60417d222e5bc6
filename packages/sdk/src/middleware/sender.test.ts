import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { certificateOf } from './node-http.ts'
import { parseClientCertificate } from './sender.ts'

test('RFC 9440 section 2.2: a Client-Cert header is exactly one byte sequence in canonical base64', () => {
  const der = randomBytes(100)
  const text = der.toString('base64')
  assert.deepEqual(parseClientCertificate(`:${text}:`), der)
  for (const value of [
    ...[
      undefined,
      '',
      ':',
      '::',
      text,
      `:${text}`,
      `${text}:`,
      ` :${text}:`,
      `:${text}: `,
      `:${text}:;a=1`,
      `:${text}:, :${text}:`,
    ],
    // One byte: its last four bits are unused and must be zero; its padding must be there, and be two.
    ...[
      ':QR==:',
      ':QQ=:',
      ':QQ:',
      ':QQ===:',
      ':Q:',
      ':Q-==:',
      ':QQ=A:',
      ':====:',
      [`:${text}:`],
      [`:${text}:`, `:${text}:`],
      [],
    ],
  ]) {
    assert.equal(parseClientCertificate(value), undefined, String(value))
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (value) => {
      const bytes = parseClientCertificate(`:${value}:`)
      if (bytes !== undefined) assert.equal(Buffer.from(bytes).toString('base64'), value)
    }),
  )
})

test('RFC 8705: only a TLS socket with a certificate has one', () => {
  const raw = randomBytes(9)
  const getPeerX509Certificate = (): { raw: Uint8Array } => ({ raw })
  for (const socket of [
    undefined,
    {},
    { encrypted: true },
    { getPeerX509Certificate },
    { encrypted: false, getPeerX509Certificate },
  ]) {
    assert.equal(certificateOf(socket), undefined)
  }
  assert.equal(certificateOf({ encrypted: true, getPeerX509Certificate: () => undefined }), undefined)
  assert.equal(certificateOf({ encrypted: true, getPeerX509Certificate }), raw)
})
