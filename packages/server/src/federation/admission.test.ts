import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAdmission } from './admission.ts'

const limits = { perAddressPerSecond: 3, perProviderPerSecond: 5, perWorkloadPerSecond: 2 }

test('refuses an address above its rate, leaves others alone, and lets it in again after a while (S-13)', () => {
  let ms = 0
  const admission = createAdmission(limits, () => ms)
  const takes = () => [1, 2, 3, 4].map(() => admission.take('address', '192.0.2.1'))
  assert.deepEqual(takes(), [true, true, true, false])
  assert.equal(admission.take('address', '192.0.2.2'), true)
  assert.equal(admission.take('workload', '192.0.2.1'), true, 'kinds are limited apart')
  ms += 400
  assert.deepEqual([admission.take('address', '192.0.2.1'), admission.take('address', '192.0.2.1')], [true, false])
})

test('an IPv6 host has one rate, however many addresses of its /64 it uses and however it writes them', () => {
  const admission = createAdmission(limits, () => 0)
  const same = ['2001:db8:0:1::1', '2001:db8::1:0:0:0:2', '2001:0DB8:0000:0001:ffff:ffff:ffff:ffff', '2001:db8:0:1::9']
  assert.deepEqual(
    same.map((address) => admission.take('address', address)),
    [true, true, true, false],
  )
  for (const other of ['2001:db8:0:2::1', '2001:db8:1:1::1', '::1', 'fe80::1']) {
    assert.equal(admission.take('address', other), true, other)
  }
})

test('blocks a proof after more than ten denials in a minute, and only that proof', () => {
  let ms = 0
  const admission = createAdmission(limits, () => ms)
  for (let count = 0; count < 10; count += 1) admission.denied('proof a')
  assert.equal(
    admission.isBlocked(() => 'proof a'),
    false,
  )
  admission.denied('proof a')
  assert.equal(
    admission.isBlocked(() => 'proof a'),
    true,
  )
  assert.equal(
    admission.isBlocked(() => 'proof b'),
    false,
  )
  ms += 60_000
  assert.equal(
    admission.isBlocked(() => 'proof a'),
    false,
  )
})

test('stays bounded under a flood of addresses, and the flood does not unblock a proof that is still asked for', () => {
  const admission = createAdmission(limits, () => 0)
  for (let count = 0; count < 11; count += 1) admission.denied('proof a')
  for (let index = 0; index < 300_000; index += 1) admission.take('address', `address ${index}`)
  assert.equal(
    admission.isBlocked(() => 'proof a'),
    true,
  )
})
