import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { jwkThumbprint, type ThumbprintMembers } from '@countersign/sdk'
import type { JsonObject } from '../lib/index.ts'
import { createSigner, generateKey } from './key-material.ts'

const publicKeyOf = (jwk: JsonObject) => createPublicKey({ key: { ...jwk }, format: 'jwk' })

test('signs ES256 as 64 bytes that verify, whatever the length of r and s (RFC 7518 section 3.4)', () => {
  const key = generateKey('ES256')
  const signer = createSigner(key.kid, key.alg, key.privateDer)
  const publicKey = publicKeyOf(key.publicJwk)
  for (let round = 0; round < 600; round += 1) {
    const signature = signer.sign(`input ${round}`)
    assert.equal(signature.length, 64)
    assert.ok(verify('sha256', Buffer.from(`input ${round}`), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature))
  }
})

test('signs RS256 and Ed25519 so that the public half verifies', () => {
  for (const alg of ['RS256', 'Ed25519'] as const) {
    const key = generateKey(alg)
    const signature = createSigner(key.kid, alg, key.privateDer).sign('input')
    assert.ok(verify(alg === 'RS256' ? 'sha256' : null, Buffer.from('input'), publicKeyOf(key.publicJwk), signature))
    assert.ok(!verify(alg === 'RS256' ? 'sha256' : null, Buffer.from('other'), publicKeyOf(key.publicJwk), signature))
  }
})

test('publishes no private member, and names a key by its RFC 7638 thumbprint (G-04, G-08)', () => {
  for (const alg of ['ES256', 'RS256', 'Ed25519'] as const) {
    const key = generateKey(alg)
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi']) assert.ok(!(name in key.publicJwk))
    assert.equal(jwkThumbprint(key.publicJwk as unknown as ThumbprintMembers), key.kid)
  }
})
