import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TrustProvider } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import { changesTrustRoot, compareProviders } from './provider-effect.ts'
import { compareServices } from './service-effect.ts'

const provider = {
  id: 'tp_1',
  name: 'github',
  revision: 1,
  enabled: true,
  preset: { name: 'github-actions' },
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://sts.acme.example',
  keys: { from: 'discovery' },
  algorithms: ['RS256', 'ES256'],
  require: { repository_owner_id: '1', environment: 'production' },
  freshness: { class: 'per-request', maxUses: 2, maxProofAgeSeconds: 600, maxLifetimeSeconds: 3600 },
  maxTtlSeconds: 900,
  allowPrivateNetwork: false,
  caFile: undefined,
} as unknown as TrustProvider

const service: Service = {
  id: 'svc_1',
  name: 'orders',
  revision: 1,
  enabled: true,
  environment: 'production',
  audience: 'https://orders.acme.internal',
  scopes: ['orders:read', 'orders:write'],
  readScopes: ['orders:read'],
  verification: { maxStaleSeconds: 30, onUnavailable: 'deny' },
}

describe('a changed provider', () => {
  const cases: readonly (readonly [string, Partial<Record<keyof TrustProvider, unknown>>, string, boolean])[] = [
    ['that trusts another issuer moves both ways', { issuer: 'https://evil.example' }, 'widens_and_narrows', true],
    [
      'that takes proofs for another audience moves both ways',
      { audience: 'https://x.example' },
      'widens_and_narrows',
      true,
    ],
    [
      'that takes its keys from elsewhere moves both ways',
      { keys: { from: 'jwksUri', uri: 'https://x.example' } },
      'widens_and_narrows',
      true,
    ],
    ['that reads claims by another preset moves both ways', { preset: { name: 'oidc' } }, 'widens_and_narrows', true],
    [
      'that may be reached in the private network moves both ways',
      { allowPrivateNetwork: true },
      'widens_and_narrows',
      true,
    ],
    ['that trusts another certificate authority moves both ways', { caFile: '/ca.pem' }, 'widens_and_narrows', true],
    ['without one of its requirements widens', { require: { repository_owner_id: '1' } }, 'widens', false],
    ['without any requirement widens', { require: {} }, 'widens', false],
    [
      'that requires another tenant moves both ways',
      { require: { repository_owner_id: '2', environment: 'production' } },
      'widens_and_narrows',
      false,
    ],
    [
      'that requires the number for the text moves both ways',
      { require: { repository_owner_id: 1, environment: 'production' } },
      'widens_and_narrows',
      false,
    ],
    [
      'that swaps one requirement for another moves both ways',
      { require: { repository_owner_id: '1', ref: 'x' } },
      'widens_and_narrows',
      false,
    ],
    [
      'that requires an inherited name narrows',
      { require: { ...provider.require, constructor: 'x' } },
      'narrows',
      false,
    ],
    ['that requires more narrows', { require: { ...provider.require, ref: 'x' } }, 'narrows', false],
    ['with one more algorithm widens', { algorithms: ['RS256', 'ES256', 'EdDSA'] }, 'widens', false],
    ['with one algorithm less narrows', { algorithms: ['ES256'] }, 'narrows', false],
    [
      'whose proofs may be used more often widens',
      { freshness: { ...provider.freshness, maxUses: 3 } },
      'widens',
      false,
    ],
    [
      'whose proofs may be used without limit widens',
      { freshness: { class: 'per-request', maxProofAgeSeconds: 600, maxLifetimeSeconds: 3600 } },
      'widens',
      false,
    ],
    [
      'whose proofs may be older widens',
      { freshness: { ...provider.freshness, maxProofAgeSeconds: 601 } },
      'widens',
      false,
    ],
    [
      'whose proofs must be younger narrows',
      { freshness: { ...provider.freshness, maxProofAgeSeconds: 60 } },
      'narrows',
      false,
    ],
    ['without a longest lifetime widens', { maxTtlSeconds: undefined }, 'widens', false],
    ['with a shorter lifetime narrows', { maxTtlSeconds: 300 }, 'narrows', false],
    ['that is the same moves nothing', { revision: 2 }, 'none', false],
    ['whose algorithms are listed in another order moves nothing', { algorithms: ['ES256', 'RS256'] }, 'none', false],
  ]
  for (const [name, more, effect, root] of cases) {
    it(name, () => {
      const after = { ...provider, ...more } as TrustProvider
      const found = compareProviders(provider, after)
      assert.equal(found.effect, effect)
      assert.equal(found.reasons.length > 0, effect !== 'none')
      assert.equal(changesTrustRoot(provider, after), root)
    })
  }
})

describe('a changed service', () => {
  const cases: readonly (readonly [string, Partial<Service>, string])[] = [
    ['with another audience moves both ways', { audience: 'https://x.example' }, 'widens_and_narrows'],
    ['in another environment moves both ways (S-16)', { environment: 'staging' }, 'widens_and_narrows'],
    [
      'that calls a write scope a read scope widens: dangers no longer refuse it',
      { readScopes: ['orders:read', 'orders:write'] },
      'widens',
    ],
    ['that calls a read scope a write scope narrows', { readScopes: [] }, 'narrows'],
    ['without a scope narrows', { scopes: ['orders:read'] }, 'narrows'],
    ['that swaps a scope narrows', { scopes: ['orders:read', 'orders:deploy'] }, 'narrows'],
    ['that accepts staler answers widens', { verification: { maxStaleSeconds: 60, onUnavailable: 'deny' } }, 'widens'],
    ['that fails open widens', { verification: { maxStaleSeconds: 30, onUnavailable: 'last-known-good' } }, 'widens'],
    [
      'that asks for fresher answers narrows',
      { verification: { maxStaleSeconds: 5, onUnavailable: 'deny' } },
      'narrows',
    ],
    [
      'with one more scope moves nothing: no policy grants it yet',
      { scopes: [...service.scopes, 'orders:deploy'] },
      'none',
    ],
    ['that is the same moves nothing', { revision: 9 }, 'none'],
  ]
  for (const [name, more, effect] of cases) {
    it(name, () => assert.equal(compareServices(service, { ...service, ...more }).effect, effect))
  }
})
