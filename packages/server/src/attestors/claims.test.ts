import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../lib/index.ts'
import { findClaimDefinition, isOpenClaimName, knowsClaim } from './claim-definition.ts'
import { findUnusableClaim, typeClaims } from './claims.ts'
import { githubActions, kubernetes, oidc } from './presets/index.ts'

const job = { repository_owner_id: '1', repository_id: '2', event_name: 'push' }

describe('typed claims', () => {
  it('coerces nothing: "true" is no boolean, 1 is no string, an array is no string', () => {
    for (const value of [1, true, null, ['a'], { a: 1 }]) {
      const typed = typeClaims(githubActions, { ...job, repository: value } as JsonObject)
      assert.equal(typed.claims['repository'], undefined)
      assert.deepEqual(typed.mistyped, ['repository'])
    }
    assert.equal(typeClaims(githubActions, { ref_protected: true }).claims['ref_protected'], undefined)
  })

  it('keeps text that no store can hold out of the claims', () => {
    for (const value of ['a\u0000b', '\ud800']) {
      assert.deepEqual(typeClaims(githubActions, { ...job, repository: value }).mistyped, ['repository'])
      assert.deepEqual(typeClaims(oidc, { sub: 'a', groups: [value] }).mistyped, ['groups'])
    }
  })

  it('reads nested claims only along own objects', () => {
    assert.deepEqual(Object.keys(typeClaims(kubernetes, { 'kubernetes.io': 'namespace' }).claims), [])
    assert.deepEqual(Object.keys(typeClaims(kubernetes, { 'kubernetes.io': ['namespace'] }).claims), [])
    assert.deepEqual(Object.keys(typeClaims(kubernetes, { namespace: 'kube-system' }).claims), [])
    const typed = typeClaims(kubernetes, { 'kubernetes.io': { namespace: 'a', serviceaccount: { name: 7, uid: 'u' } } })
    assert.deepEqual({ ...typed.claims }, { namespace: 'a', serviceaccount_uid: 'u' })
    assert.deepEqual(typed.mistyped, ['serviceaccount'])
  })

  it('takes no number that is not finite', () => {
    for (const n of [Number.POSITIVE_INFINITY, Number.NaN])
      assert.deepEqual(typeClaims(oidc, { sub: 'a', n }).mistyped, ['n'])
  })

  it('finds nothing on a prototype', () => {
    const inherited = Object.create({ 'kubernetes.io': { namespace: 'kube-system' }, sub: 'root' }) as JsonObject
    assert.deepEqual(Object.keys(typeClaims(kubernetes, inherited).claims), [])
    assert.deepEqual(Object.keys(typeClaims(oidc, inherited).claims), [])
    const typed = typeClaims(oidc, JSON.parse('{"sub":"a","constructor":"x","toString":"y","__proto__":"z"}'))
    assert.equal(Object.getPrototypeOf(typed.claims), null)
    assert.deepEqual({ ...typed.claims }, { sub: 'a' })
    assert.equal(typed.claims['hasOwnProperty'], undefined)
  })

  it('knows the members of a prefix family and nothing beside them', () => {
    const typed = typeClaims(githubActions, {
      ...job,
      repo_property_team: 'a',
      repo_property_: 'b',
      'repo_property_x y': 'c',
      other: 'd',
    })
    assert.deepEqual({ ...typed.claims }, { ...job, repo_property_team: 'a' })
    assert.equal(findClaimDefinition(githubActions, 'sub'), undefined)
    assert.equal(findClaimDefinition(githubActions, 'constructor'), undefined)
    assert.equal(knowsClaim(githubActions, 'repo_property_team'), true)
    assert.equal(knowsClaim(githubActions, 'anything'), false)
  })

  it("types open claims by their JSON type and leaves the verifier's own out", () => {
    const typed = typeClaims(oidc, {
      sub: 'a',
      iss: 'i',
      aud: 'x',
      exp: 1,
      iat: 1,
      nbf: 1,
      jti: 'j',
      n: 1,
      b: false,
      l: ['x'],
      o: { a: 1 },
      z: null,
      m: ['x', 1],
    })
    assert.deepEqual({ ...typed.claims }, { sub: 'a', n: 1, b: false, l: ['x'] })
    assert.deepEqual(typed.mistyped, ['o', 'z', 'm'])
    for (const name of ['', 'a b', '__proto__', 'constructor', 'iss', 'ä', '1a', 'x'.repeat(200)])
      assert.equal(isOpenClaimName(name), false, name)
  })

  it('T21 does not take a missing or mistyped event for a harmless one', () => {
    const without = { repository_owner_id: '1', repository_id: '2' }
    assert.deepEqual(findUnusableClaim(githubActions, typeClaims(githubActions, without)), {
      claim: 'event_name',
      reason: 'absent',
    })
    assert.deepEqual(
      findUnusableClaim(githubActions, typeClaims(githubActions, { ...without, event_name: ['push'] })),
      {
        claim: 'event_name',
        reason: 'wrong_type',
      },
    )
  })

  it('names the identity claims that are missing, empty or of another type', () => {
    const unusable = (change: JsonObject): unknown =>
      findUnusableClaim(githubActions, typeClaims(githubActions, { ...job, ...change }))
    assert.deepEqual(unusable({ repository_owner_id: 5 }), { claim: 'repository_owner_id', reason: 'wrong_type' })
    assert.deepEqual(unusable({ repository_id: '' }), { claim: 'repository_id', reason: 'absent' })
    assert.equal(unusable({ actor: 5 }), undefined)
  })

  it('V-24 types any JSON object, and every claim has a type of the seam', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (tokenClaims) => {
        for (const preset of [githubActions, kubernetes, oidc]) {
          const typed = typeClaims(preset, tokenClaims as JsonObject)
          for (const [name, value] of Object.entries(typed.claims)) {
            assert.ok(knowsClaim(preset, name))
            assert.ok(Array.isArray(value) || ['string', 'number', 'boolean'].includes(typeof value))
          }
        }
      }),
    )
  })
})
