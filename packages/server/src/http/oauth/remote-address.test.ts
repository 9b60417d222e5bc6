import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRemoteAddress } from './remote-address.ts'

const call = (peer: string | undefined, forwardedFor?: string) => ({ peer, forwardedFor })

test('what a client writes into X-Forwarded-For counts for nothing without a trusted peer', () => {
  assert.equal(createRemoteAddress([])(call('192.0.2.1', '10.0.0.1')), '192.0.2.1')
  assert.equal(createRemoteAddress(['10.0.0.0/8'])(call('192.0.2.1', '10.0.0.1')), '192.0.2.1')
})

test('the walk from the right ends at the first address that is no trusted proxy, or is none at all', () => {
  const addressOf = createRemoteAddress(['10.0.0.0/8'])
  assert.equal(addressOf(call('10.0.0.1', '198.51.100.9, 192.0.2.7, 10.0.0.2')), '192.0.2.7')
  assert.equal(addressOf(call('::ffff:10.0.0.1', '198.51.100.9, spoofed, 10.0.0.2')), '10.0.0.1')
  assert.equal(addressOf(call('10.0.0.1', '')), '10.0.0.1')
  assert.equal(addressOf(call('10.0.0.1')), '10.0.0.1')
})

test('a zone is no part of an address: it is free text, of any length, that would be recorded', () => {
  const addressOf = createRemoteAddress(['10.0.0.0/8'])
  assert.equal(addressOf(call('10.0.0.1', `fe80::1%${'a'.repeat(9000)}`)), 'fe80::1')
  assert.equal(addressOf(call('fe80::1%eth0')), 'fe80::1')
})
