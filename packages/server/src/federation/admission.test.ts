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

const provider = { perAddressPerSecond: 1e6, perProviderPerSecond: 1000, perWorkloadPerSecond: 1e6 }

/** One proof that the provider will refuse; true when it cost signature work. */
function sendGarbage(admission: ReturnType<typeof createAdmission>, address: string | undefined): boolean {
  if (!admission.mayTry('tp_a', address) || !admission.take('provider', 'tp_a')) return false
  admission.refused(['tp_a'], address)
  return true
}

test('garbage from many addresses leaves most of the provider’s rate to those who have proofs (S-13)', () => {
  let ms = 0
  const admission = createAdmission(provider, () => ms)
  let worked = 0
  for (let round = 0; round < 50; round += 1) {
    for (let host = 0; host < 200; host += 1) worked += Number(sendGarbage(admission, `2001:db8:0:${host}::${round}`))
  }
  assert.ok(worked <= 100 + 200 * 3, `${worked} of 10,000 cost signature work`)
  assert.equal(admission.mayTry('tp_a', '2001:db8:0:7::ffff'), false, 'a source is its /64')
  assert.ok(admission.mayTry('tp_a', '192.0.2.1') && admission.take('provider', 'tp_a'))
  assert.ok(admission.mayTry('tp_b', '2001:db8:0:7::1'), 'another provider has rates of its own')
  // It goes on: what the sources may still have in each second is far below what proofs are left.
  worked = 0
  for (let second = 0; second < 30; second += 1) {
    ms += 1_000
    for (let round = 0; round < 10; round += 1) {
      for (let host = 0; host < 200; host += 1) worked += Number(sendGarbage(admission, `2001:db8:0:${host}::1`))
    }
    assert.ok(admission.mayTry('tp_a', '192.0.2.1') && admission.take('provider', 'tp_a'))
  }
  assert.ok(worked <= 30 * (100 + (200 * 3) / 60) + 200, `${worked}`)
})

test('signature work for a provider is bounded, however many addresses there are (S-13)', () => {
  const admission = createAdmission(provider, () => 0)
  let worked = 0
  for (let host = 0; host < 20_000; host += 1) worked += Number(sendGarbage(admission, `address ${host}`))
  assert.equal(worked, 1000)
})

test('one source of refused proofs is not shut out while the provider can bear it, nor for longer than the flood', () => {
  let ms = 0
  const admission = createAdmission(provider, () => ms)
  for (let count = 0; count < 90; count += 1) assert.ok(sendGarbage(admission, '192.0.2.1'))
  assert.ok(admission.mayTry('tp_a', '192.0.2.1'))
  for (let host = 0; host < 100; host += 1) sendGarbage(admission, `address ${host}`)
  assert.equal(admission.mayTry('tp_a', '192.0.2.1'), false)
  ms += 1_000
  assert.ok(admission.mayTry('tp_a', '192.0.2.1'))
})

test('callers without an address are one source', () => {
  const admission = createAdmission(provider, () => 0)
  while (sendGarbage(admission, undefined));
  assert.equal(admission.mayTry('tp_a', undefined), false)
  assert.ok(admission.mayTry('tp_a', '192.0.2.1'))
})
