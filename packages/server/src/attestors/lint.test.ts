import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { trustProviderResource } from '../../../../test/support/attestor-suite.ts'
import { ServiceError } from '../errors.ts'
import type { JsonObject } from '../lib/index.ts'
import { compileTrustProvider } from './compile.ts'
import { lintTrustProvider } from './lint.ts'
import { findSharedIssuer, PRESETS, SHARED_ISSUERS } from './presets/index.ts'
import { trustProviderSpec } from './schema.ts'

const AUDIENCE = 'https://sts.acme.example'
const GITHUB = {
  preset: 'github-actions',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: AUDIENCE,
  require: { repository_owner_id: '123456' },
}
const KUBERNETES = {
  preset: 'kubernetes',
  issuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/ABC',
  audience: AUDIENCE,
}
const OIDC = { preset: 'oidc', issuer: 'https://issuer.acme.example', audience: AUDIENCE, singleTenant: true }

function problems(spec: JsonObject): readonly string[] {
  return lintTrustProvider(trustProviderResource(spec).document).map(
    (problem) => `${problem.severity} ${problem.code} ${problem.pointer}`,
  )
}

function refusesToCompile(spec: JsonObject): void {
  assert.throws(
    () => compileTrustProvider(trustProviderResource(spec)),
    (error: unknown) =>
      error instanceof ServiceError && error.code === 'validation_failed' && error.problems.length > 0,
  )
}

function isErrorFor(spec: JsonObject, problem: string): void {
  assert.ok(problems(spec).includes(`error ${problem}`), `${problem} not in ${problems(spec).join(', ')}`)
  refusesToCompile(spec)
}

describe('the shape of a trust provider', () => {
  const { require: _require, ...githubWithoutRequire } = GITHUB
  const bad: readonly (readonly [string, JsonObject])[] = [
    ['an unknown member', { ...GITHUB, extra: true }],
    ['an unknown member of network', { ...GITHUB, network: { insecure: true } }],
    ['an unknown preset', { ...GITHUB, preset: 'gitlab' }],
    ['a missing audience (T13)', { preset: 'oidc', issuer: 'https://issuer.acme.example' }],
    ['an empty audience', { ...GITHUB, audience: '' }],
    ['a list of audiences', { ...GITHUB, audience: [AUDIENCE] }],
    ['an issuer that is a pattern (T3)', { ...GITHUB, issuer: 'https://*.example.com' }],
    ['an http issuer (D-608)', { ...GITHUB, issuer: 'http://127.0.0.1:8701' }],
    [
      'an http issuer beyond loopback',
      { ...GITHUB, issuer: 'http://issuer.example', network: { allowLoopbackHttp: true } },
    ],
    ['two key sources', { ...GITHUB, keys: { discovery: true, jwksUri: 'https://a.example/jwks' } }],
    ['discovery: false', { ...GITHUB, keys: { discovery: false } }],
    ['a jwksUri over http (J-01)', { ...GITHUB, keys: { jwksUri: 'http://a.example/jwks' } }],
    ['a jwksUri with user information', { ...GITHUB, keys: { jwksUri: 'https://u:p@a.example/jwks' } }],
    ['a jwksUri with another port', { ...GITHUB, keys: { jwksUri: 'https://a.example:22/jwks' } }],
    ['a relative JWKS file', { ...GITHUB, keys: { jwksFile: 'jwks.json' } }],
    ['require with a list', { ...GITHUB, require: { repository_owner_id: ['1'] } }],
    ['require with null', { ...GITHUB, require: { repository_owner_id: null } }],
    ['require with an empty value', { ...GITHUB, require: { repository_owner_id: '' } }],
    ['require with NUL', { ...GITHUB, require: { repository_owner_id: 'a\u0000' } }],
    ['no algorithms', { ...GITHUB, algorithms: [] }],
    ['a negative limit', { ...GITHUB, maxUses: -1 }],
    ['a limit of zero', { ...GITHUB, maxUses: 0 }],
    ['a fraction', { ...GITHUB, maxUses: 0.5 }],
    ['a duration without unit', { ...GITHUB, maxProofAge: '600' }],
    ['a duration below a second', { ...GITHUB, maxProofAge: '10ms' }],
    ['singleTenant as text', { ...githubWithoutRequire, singleTenant: 'true' }],
  ]
  for (const [what, spec] of bad) {
    it(`refuses ${what}`, () => {
      assert.equal(trustProviderSpec.safeParse(spec).success, false)
      assert.deepEqual(problems(spec), [])
      refusesToCompile(spec)
    })
  }
})

describe('the tenant of a trust provider (D-602)', () => {
  it('T20 must be pinned on github.com, by id and not by name', () => {
    for (const require of [
      undefined,
      {},
      { repository_owner: 'acme' },
      { repository: 'acme/orders', ref: 'refs/heads/main' },
    ]) {
      const { require: _require, ...rest } = GITHUB
      isErrorFor(require === undefined ? rest : { ...rest, require }, 'tenant_not_pinned /spec/require')
    }
  })

  it('must be pinned on Enterprise hosts and enterprise issuers as well', () => {
    for (const issuer of [
      'https://github.acme.example/_services/token',
      'https://token.actions.githubusercontent.com/octocat-inc',
      'https://token.actions.octocorp.ghe.com',
    ]) {
      isErrorFor({ preset: 'github-actions', issuer, audience: AUDIENCE }, 'tenant_not_pinned /spec/require')
    }
  })

  it('is not replaced by singleTenant where the issuer is shared', () => {
    const { require: _require, ...rest } = GITHUB
    isErrorFor({ ...rest, singleTenant: true }, 'tenant_not_pinned /spec/require')
    isErrorFor({ ...GITHUB, singleTenant: true }, 'single_tenant_wrong /spec/singleTenant')
  })

  it('cannot be left out by way of the generic preset', () => {
    for (const issuer of [
      'https://token.actions.githubusercontent.com',
      'https://token.actions.githubusercontent.com/octocat-inc',
      'https://token.actions.octocorp.ghe.com',
    ]) {
      isErrorFor({ ...OIDC, issuer }, 'preset_wrong /spec/preset')
    }
    for (const issuer of [
      'https://gitlab.com',
      'https://app.terraform.io',
      'https://agent.buildkite.com',
      'https://accounts.google.com',
      'https://oidc.vercel.com',
      'https://login.microsoftonline.com/common/v2.0',
      'https://oauth2.sigstore.dev/auth',
      'https://api.pulumi.com/oidc',
      'https://api.pulumi.com/oidc/v2',
      'https://identity.depot.dev',
    ]) {
      isErrorFor({ ...OIDC, issuer }, 'tenant_not_pinned /spec/require')
      isErrorFor({ ...OIDC, issuer, singleTenant: false, require: { env: 'prod' } }, 'tenant_not_pinned /spec/require')
    }
  })

  it('is pinned by the claim of the platform that names it, and by no other', () => {
    const { singleTenant: _singleTenant, ...rest } = OIDC
    for (const [issuer, require] of [
      ['https://oauth2.sigstore.dev/auth', { sub: 'CgcxMjM0NTY3EiZodHRwczo' }],
      [
        'https://api.pulumi.com/oidc',
        { sub: 'pulumi:deploy:org:acme:project:web:stack:prod:operation:update:scope:write' },
      ],
      ['https://api.pulumi.com/oidc/v2', { 'https://pulumi.com/org_id': 'b8f0c3d2' }],
      ['https://identity.depot.dev', { org_id: 'org_acme' }],
    ] as const) {
      assert.deepEqual(problems({ ...rest, issuer, require }), [])
    }
    isErrorFor(
      { ...rest, issuer: 'https://identity.depot.dev', require: { repository_owner: 'acme' } },
      'tenant_not_pinned /spec/require',
    )
    isErrorFor(
      { ...rest, issuer: 'https://oauth2.sigstore.dev/auth', require: { email: 'dev@acme.example' } },
      'tenant_not_pinned /spec/require',
    )
  })

  it('must be stated for the generic preset', () => {
    const { singleTenant: _singleTenant, ...rest } = OIDC
    isErrorFor(rest, 'tenant_not_pinned /spec/require')
    isErrorFor({ ...rest, require: {} }, 'tenant_not_pinned /spec/require')
    assert.deepEqual(problems(OIDC), [])
    assert.deepEqual(problems({ ...rest, require: { tid: 'x' } }), [])
  })

  it('lists every shared issuer of a preset once, for all presets', () => {
    for (const preset of PRESETS) {
      for (const issuer of preset.sharedIssuers)
        assert.ok(
          SHARED_ISSUERS.some((shared) => shared.issuer === issuer),
          issuer,
        )
    }
    assert.equal(findSharedIssuer('https://gitlab.com.evil.example'), undefined)
    assert.equal(
      findSharedIssuer('https://login.microsoftonline.com/5d9a4a6e-0000-4000-8000-000000000000/v2.0'),
      undefined,
    )
    assert.equal(findSharedIssuer('https://gitlab.com:8443/x')?.issuer, 'https://gitlab.com')
  })
})

describe('the claims of require', () => {
  it('must be known to the preset and of its type', () => {
    isErrorFor({ ...GITHUB, require: { ...GITHUB.require, repo_owner: 'x' } }, 'claim_unknown /spec/require/repo_owner')
    isErrorFor(
      { ...GITHUB, require: { ...GITHUB.require, sub: 'repo:acme/orders:*' } },
      'claim_unknown /spec/require/sub',
    )
    isErrorFor({ ...GITHUB, require: { repository_owner_id: 123456 } }, 'claim_type /spec/require/repository_owner_id')
    isErrorFor(
      { ...GITHUB, require: { ...GITHUB.require, ref_protected: true } },
      'claim_type /spec/require/ref_protected',
    )
    isErrorFor({ ...OIDC, require: { iss: 'x' } }, 'claim_unknown /spec/require/iss')
    isErrorFor({ ...OIDC, require: { __proto__x: 'x' } }, 'claim_unknown /spec/require/__proto__x')
  })

  it('warn of a name that its id does not pin', () => {
    assert.ok(
      problems({ ...GITHUB, require: { ...GITHUB.require, repository: 'acme/orders' } }).includes(
        'warning name_not_pinned /spec/require/repository',
      ),
    )
    assert.ok(
      problems({ ...KUBERNETES, require: { serviceaccount: 'nightly' } }).includes(
        'warning name_not_pinned /spec/require/serviceaccount',
      ),
    )
    assert.deepEqual(
      problems({ ...GITHUB, require: { ...GITHUB.require, repository: 'acme/orders', repository_id: '1' } }),
      [],
    )
  })
})

describe('the audience of a trust provider (S-06, D-606)', () => {
  const cases: readonly (readonly [JsonObject, string, string])[] = [
    [GITHUB, 'https://github.com/acme', 'audience_default'],
    [GITHUB, 'https://GitHub.com/acme', 'audience_default'],
    [GITHUB, 'https://token.actions.githubusercontent.com', 'audience_default'],
    [
      { ...GITHUB, issuer: 'https://github.acme.example/_services/token' },
      'https://github.acme.example/acme',
      'audience_default',
    ],
    [GITHUB, 'sts.amazonaws.com', 'audience_foreign'],
    [GITHUB, 'api://AzureADTokenExchange', 'audience_foreign'],
    [GITHUB, 'sigstore', 'audience_foreign'],
    [KUBERNETES, 'https://kubernetes.default.svc', 'audience_default'],
    [KUBERNETES, 'https://kubernetes.default.svc.cluster.local', 'audience_default'],
    [KUBERNETES, KUBERNETES.issuer, 'audience_default'],
    [OIDC, `${OIDC.issuer}/`, 'audience_default'],
  ]
  for (const [spec, audience, code] of cases) {
    it(`is not ${audience} for ${String(spec['preset'])}`, () => {
      isErrorFor({ ...spec, audience }, `${code} /spec/audience`)
    })
  }
})

describe('the limits, algorithms and keys of a trust provider', () => {
  it('may only lower what the preset says', () => {
    isErrorFor({ ...GITHUB, maxUses: 2 }, 'limit_raised /spec/maxUses')
    isErrorFor({ ...GITHUB, maxProofAge: '11m' }, 'limit_raised /spec/maxProofAge')
    isErrorFor({ ...GITHUB, usesPerMinute: 1 }, 'limit_wrong /spec/usesPerMinute')
    isErrorFor({ ...KUBERNETES, usesPerMinute: 21 }, 'limit_raised /spec/usesPerMinute')
    isErrorFor({ ...KUBERNETES, maxUses: 1 }, 'limit_wrong /spec/maxUses')
    const lowered = compileTrustProvider(
      trustProviderResource({ ...KUBERNETES, usesPerMinute: 2, maxProofAge: '1h', maxTtl: '5m' }),
    )
    assert.deepEqual(lowered.freshness, {
      class: 'cached',
      usesPerMinute: 2,
      maxProofAgeSeconds: 3600,
      maxLifetimeSeconds: 86_400,
    })
    assert.equal(lowered.maxTtlSeconds, 300)
  })

  it('V-05 allow no algorithm beyond the preset', () => {
    for (const algorithm of ['none', 'HS256', 'ES256', 'rs256']) {
      isErrorFor({ ...GITHUB, algorithms: ['RS256', algorithm] }, 'algorithm_unknown /spec/algorithms/1')
    }
    isErrorFor({ ...OIDC, algorithms: ['HS256'] }, 'algorithm_unknown /spec/algorithms/0')
  })

  it('V-09 take no private, symmetric, duplicate, weak or empty inline keys', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid: 'a' } as JsonObject
    const weak = {
      ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
      kid: 'w',
    } as JsonObject
    const { kid: _kid, ...withoutKid } = publicJwk
    for (const keys of [
      [],
      [{ ...privateKey.export({ format: 'jwk' }), kid: 'a' } as JsonObject],
      [{ kty: 'oct', k: 'c2VjcmV0', kid: 'a' }],
      [publicJwk, publicJwk],
      [weak],
      [withoutKid],
      [publicJwk, { kty: 'RSA', kid: 'b' }],
    ]) {
      isErrorFor({ ...OIDC, keys: { jwks: { keys } } }, 'key_unusable /spec/keys/jwks')
    }
    isErrorFor({ ...OIDC, keys: { jwks: {} } }, 'key_unusable /spec/keys/jwks')
    assert.deepEqual(problems({ ...OIDC, keys: { jwks: { keys: [publicJwk] } } }), [])
  })

  it('warn of discovery that only answers inside a cluster, and of the quickstart flag', () => {
    const inside = { ...KUBERNETES, issuer: 'https://kubernetes.default.svc' }
    assert.deepEqual(problems(inside), ['warning discovery_inside_cluster /spec/keys'])
    assert.deepEqual(problems({ ...inside, keys: { jwksFile: '/etc/countersign/jwks.json' } }), [])
    assert.deepEqual(problems({ ...OIDC, issuer: 'http://127.0.0.1:8701', network: { allowLoopbackHttp: true } }), [
      'warning loopback_http /spec/network/allowLoopbackHttp',
    ])
  })
})

describe('any document', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('github-actions', 'kubernetes', 'oidc', AUDIENCE, GITHUB.issuer, '10m', true, 1),
  )
  const spec = fc.record(
    {
      preset: fc.oneof(fc.constantFrom('github-actions', 'kubernetes', 'oidc'), value),
      issuer: fc.oneof(fc.constantFrom(GITHUB.issuer, KUBERNETES.issuer, OIDC.issuer, 'https://gitlab.com'), value),
      audience: fc.oneof(fc.constant(AUDIENCE), value),
      require: fc.option(
        fc.oneof(
          fc.dictionary(fc.constantFrom('repository_owner_id', 'repository', 'namespace', 'tid', 'x'), value),
          value,
        ),
        {
          nil: undefined,
        },
      ),
      singleTenant: fc.option(fc.boolean(), { nil: undefined }),
      maxUses: fc.option(value, { nil: undefined }),
      keys: fc.option(value, { nil: undefined }),
    },
    { requiredKeys: [] },
  )

  it('D-602 compiles to a provider with a pinned tenant or an explicit single one, or is refused by a ServiceError', () => {
    fc.assert(
      fc.property(spec, (candidate) => {
        const plain = JSON.parse(JSON.stringify(candidate)) as JsonObject
        try {
          const provider = compileTrustProvider(trustProviderResource(plain))
          const pinned = Object.keys(provider.require)
          if (provider.preset.name === 'github-actions')
            assert.ok(pinned.some((claim) => provider.preset.tenantClaims.includes(claim)))
          if (provider.preset.name === 'oidc') assert.ok(pinned.length > 0 || plain['singleTenant'] === true)
          assert.notEqual(findSharedIssuer(provider.issuer) !== undefined && pinned.length === 0, true)
        } catch (error) {
          assert.ok(
            error instanceof ServiceError && error.code === 'validation_failed' && error.problems.length > 0,
            String(error),
          )
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a compiled trust provider', () => {
  it('carries what the document says, and the preset what it does not', () => {
    const provider = compileTrustProvider(
      trustProviderResource(GITHUB, { id: 'tp_9', name: 'github-acme', revision: 7 }),
    )
    assert.equal(provider.id, 'tp_9')
    assert.equal(provider.name, 'github-acme')
    assert.equal(provider.revision, 7)
    assert.deepEqual(provider.keys, { from: 'discovery' })
    assert.deepEqual(provider.algorithms, ['RS256'])
    assert.equal(provider.freshness.maxUses, 1)
    assert.equal(provider.allowPrivateNetwork, false)
    assert.equal(provider.allowLoopbackHttp, false)
    assert.equal(provider.maxTtlSeconds, undefined)
  })

  it('takes each key source', () => {
    const keysOf = (keys: JsonObject): unknown =>
      compileTrustProvider(trustProviderResource({ ...KUBERNETES, keys })).keys
    assert.deepEqual(keysOf({ discovery: true }), { from: 'discovery' })
    assert.deepEqual(keysOf({ jwksUri: 'https://api.acme.example:6443/openid/v1/jwks' }), {
      from: 'jwksUri',
      uri: 'https://api.acme.example:6443/openid/v1/jwks',
    })
    assert.deepEqual(keysOf({ jwksFile: '/etc/jwks.json' }), { from: 'file', path: '/etc/jwks.json' })
  })

  it('keeps the example of the design valid', () => {
    assert.deepEqual(problems(GITHUB), [])
    assert.deepEqual(problems(KUBERNETES), [])
  })
})
