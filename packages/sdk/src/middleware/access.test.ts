import assert from 'node:assert/strict'
import { test } from 'node:test'
import { principalOf, recordPrincipal } from './access.ts'
import type { Principal } from './principal.ts'

test('a route that is not behind protect has no principal, whatever its request carries', () => {
  const forged = { access: { workload: 'wl_admin' }, principal: { workload: 'wl_admin' }, headers: {} }
  assert.throws(() => principalOf(forged), { code: 'configuration_invalid' })
  const principal = { workload: 'wl_1' } as Principal
  recordPrincipal(forged, principal)
  assert.equal(principalOf(forged), principal)
  assert.throws(() => principalOf({ ...forged }), { code: 'configuration_invalid' })
})
