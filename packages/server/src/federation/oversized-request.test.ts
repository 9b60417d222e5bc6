import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openExchange, policyResource, providerResource, serviceResource } from './exchange.fixture.ts'
import type { ExchangeRequest } from './request.ts'

// A caller with a valid proof must not be able to choose a request whose decision cannot be recorded (S-03, A-01, invariant 3):
// it could then try what it likes and leave no event.
const REQUESTS: Readonly<Record<string, Partial<ExchangeRequest>>> = {
  'sixty-four long scopes': { scopes: Array.from({ length: 64 }, (_, index) => `s${index}`.padEnd(900, 'x')) },
  'eight long audiences of control characters': {
    targets: Array.from({ length: 8 }, (_, index) => String.fromCharCode(index + 1).repeat(600)),
  },
  'an audience with a surrogate pair where it is cut': { targets: [`${'a'.repeat(255)}\u{1f600}`] },
}

for (const [what, request] of Object.entries(REQUESTS)) {
  test(`a request for ${what} is denied with its event (S-03)`, async (t) => {
    const { exchange, issuer, eventLog, failures } = await openExchange(t)
    const result = await exchange(issuer.sign(), request)
    assert.ok(!result.ok)
    const event = await eventLog.get(result.errorId)
    assert.equal(event?.outcome, 'denied')
    assert.ok(event.data['requested'], 'what was asked for is in the event')
    assert.deepEqual(failures, [])
  })
}

test('what does not fit into the event is counted there', async (t) => {
  const { exchange, issuer, eventLog } = await openExchange(t)
  const result = await exchange(issuer.sign(), {
    scopes: Array.from({ length: 64 }, (_, index) => `scope:${index}`.padEnd(128, 'x')),
  })
  assert.ok(!result.ok)
  const requested = (await eventLog.get(result.errorId))?.data['requested'] as {
    scopes: string[]
    scopes_omitted: number
  }
  assert.equal(requested.scopes.length + requested.scopes_omitted, 64)
  assert.ok(requested.scopes.length > 0)
})

test('a policy that grants more scopes than an event has room for still issues, with its event (invariant 3)', async (t) => {
  const scopes = Array.from({ length: 128 }, (_, index) => `orders:${index}:`.padEnd(120, 'x'))
  const { exchange, issuer, eventLog } = await openExchange(t, {
    resources: (by) => {
      const service = serviceResource()
      const spec = { ...service.document.spec, scopes }
      return [
        providerResource(by),
        { ...service, document: { ...service.document, spec } },
        policyResource('deploy', { grant: { service: 'orders', scopes, ttl: '15m' } }),
      ]
    },
  })
  const result = await exchange(issuer.sign())
  assert.ok(result.ok)
  assert.equal(result.scopes.length, 128)
  const event = await eventLog.get(result.eventId)
  assert.equal(event?.outcome, 'allowed')
  assert.ok(Number(event.data['scopes_omitted']) > 0)
})
