import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createAttestors } from '../attestors/index.ts'
import { buildSnapshot } from '../policy/index.ts'
import type { Resource } from '../resources/index.ts'
import { createProofIssuer, policyResource, providerResource, serviceResource } from './exchange.fixture.ts'
import { createInspectProof } from './inspect.ts'

const now = () => new Date()

function inspector(t: TestContext, resources: readonly Resource[], loopbackProvidersAllowed = false) {
  const attestors = createAttestors({ ourIssuerHost: 'sts.acme.example', now })
  t.after(() => attestors.close())
  const snapshot = buildSnapshot({ resources, builtinServices: [], revision: 1 })
  return createInspectProof({ attestors, snapshot: () => snapshot, loopbackProvidersAllowed })
}

test('says what the exchange would: a proof that two providers accept is ambiguous', async (t) => {
  const issuer = createProofIssuer(now)
  const both = [providerResource(issuer), providerResource(issuer, 'second'), serviceResource(), policyResource()]
  const { outcome, code } = await inspector(t, both)(issuer.sign())
  assert.deepEqual([outcome, code], ['denied', 'ambiguous_provider'])
})

test('does not believe an emulated issuer where the exchange would not', async (t) => {
  const issuer = createProofIssuer(now)
  const emulated = [
    providerResource(issuer, 'github', { network: { allowLoopbackHttp: true } }),
    serviceResource(),
    policyResource(),
  ]
  assert.equal((await inspector(t, emulated)(issuer.sign())).outcome, 'denied')
  assert.equal((await inspector(t, emulated, true)(issuer.sign())).outcome, 'allowed')
})

test('refuses garbage, strangers and bad signatures with the step that failed', async (t) => {
  const issuer = createProofIssuer(now)
  const inspect = inspector(t, [providerResource(issuer), serviceResource(), policyResource()])
  assert.equal((await inspect('garbage')).code, 'proof_malformed')
  assert.equal((await inspect(issuer.sign({ repository_owner_id: '1' }))).code, 'proof_stranger')
  assert.equal((await inspect(createProofIssuer(now).sign())).outcome, 'denied')
  assert.equal((await inspect(issuer.sign())).outcome, 'allowed')
})
