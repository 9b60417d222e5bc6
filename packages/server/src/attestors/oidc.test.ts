import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestClock, runAttestorSuite, trustProviderResource } from '../../../../test/support/attestor-suite.ts'
import type { JsonObject } from '../lib/index.ts'
import {
  DEPLOY_JOB,
  FORK_PULL_REQUEST_JOB,
  type GithubIssuer,
  type GithubJobClaims,
  STRANGER_JOB,
  startGithubIssuer,
} from '../quickstart/issuers/index.ts'
import { type Attestors, createAttestors } from './attestors.ts'
import { compileTrustProvider } from './compile.ts'
import type { AttestOutcome, TrustProvider } from './types.ts'

const AUDIENCE = 'https://sts.acme.example'
const HEADER = { typ: 'JWT', x5t: 'example' }

function githubProvider(issuer: string, require: JsonObject = { repository_owner_id: '123456' }): TrustProvider {
  return compileTrustProvider(
    trustProviderResource({
      preset: 'github-actions',
      issuer,
      audience: AUDIENCE,
      require,
      network: { allowLoopbackHttp: true },
    }),
  )
}

runAttestorSuite('oidc with the preset github-actions', async (clock) => {
  const github = await startGithubIssuer({ port: 0, now: clock.now })
  return {
    provider: githubProvider(github.issuer),
    keys: github.keys,
    header: HEADER,
    claims: () => github.tokenClaims(DEPLOY_JOB, AUDIENCE),
    strangerClaims: () => github.tokenClaims(STRANGER_JOB, AUDIENCE),
    requests: github.requests,
    jwksPath: '/.well-known/jwks',
    close: github.close,
  }
})

runAttestorSuite('oidc with the generic preset', async (clock) => {
  const github = await startGithubIssuer({ port: 0, now: clock.now })
  const provider = compileTrustProvider(
    trustProviderResource({
      preset: 'oidc',
      issuer: github.issuer,
      audience: AUDIENCE,
      algorithms: ['RS256'],
      require: { tenant: 'acme', level: 3, production: true },
      network: { allowLoopbackHttp: true },
    }),
  )
  const claims = (): JsonObject => {
    const { iss, aud, exp, iat, nbf, jti } = github.tokenClaims(DEPLOY_JOB, AUDIENCE) as Record<string, string>
    return { iss, aud, exp, iat, nbf, jti, sub: 'vm-17', tenant: 'acme', level: 3, production: true } as JsonObject
  }
  return {
    provider,
    keys: github.keys,
    header: {},
    claims,
    strangerClaims: () => ({ ...claims(), tenant: 'mallory' }),
    requests: github.requests,
    jwksPath: '/.well-known/jwks',
    close: github.close,
  }
})

describe('proofs of GitHub Actions', () => {
  const clock = createTestClock()
  let github: GithubIssuer
  let attestors: Attestors

  before(async () => {
    github = await startGithubIssuer({ port: 0, now: clock.now })
    attestors = createAttestors({ now: clock.now, ourIssuerHost: '127.0.0.1:8700' })
  })
  after(async () => {
    attestors.close()
    await github.close()
  })

  function attest(job: GithubJobClaims, require?: JsonObject, change: JsonObject = {}): Promise<AttestOutcome> {
    const proof = github.keys.sign({ ...github.tokenClaims(job, AUDIENCE), ...change }, HEADER)
    return attestors.attest(proof, githubProvider(github.issuer, require))
  }

  it('V-14 refuses a token without typ: the platform always writes one', async () => {
    const outcome = await attestors.attest(
      github.keys.sign(github.tokenClaims(DEPLOY_JOB, AUDIENCE)),
      githubProvider(github.issuer),
    )
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_malformed')
  })

  it('T20 refuses a repository of the same name by another owner, whatever sub says', async () => {
    const recycled = { ...DEPLOY_JOB, repository_owner_id: '777', repository_id: '888' }
    const outcome = await attest(recycled, undefined, { sub: 'repo:acme@123456/orders@456789:environment:production' })
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_stranger')
  })

  it('T20 gives one workload for the old and the new subject format', async () => {
    const names = await attest(DEPLOY_JOB, undefined, { sub: 'repo:acme/orders:ref:refs/heads/main' })
    const ids = await attest(DEPLOY_JOB)
    assert.ok(names.ok && ids.ok)
    assert.equal(names.attestation.workloadId, ids.attestation.workloadId)
    assert.equal('sub' in names.attestation.claims, false)
  })

  it('T20 keeps the workload when the repository is renamed', async () => {
    const renamed = await attest({ ...DEPLOY_JOB, repository: 'acme/orders-2' })
    const before = await attest(DEPLOY_JOB)
    assert.ok(renamed.ok && before.ok)
    assert.equal(renamed.attestation.workloadUri, before.attestation.workloadUri)
  })

  it('T21 refuses a proof whose event is missing or has another type', async () => {
    for (const event of [undefined, ['push'], 1, null]) {
      const claims = { ...github.tokenClaims(DEPLOY_JOB, AUDIENCE), event_name: event } as JsonObject
      const proof = github.keys.sign(JSON.parse(JSON.stringify(claims)) as JsonObject, HEADER)
      const outcome = await attestors.attest(proof, githubProvider(github.issuer))
      assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_claim_invalid')
    }
  })

  it('T34 compares names of the platform without regard to ASCII case, ids and everything else exactly', async () => {
    const id = { repository_owner_id: '123456' }
    assert.equal((await attest(DEPLOY_JOB, { ...id, repository: 'Acme/ORDERS' })).ok, true)
    assert.equal((await attest(DEPLOY_JOB, { ...id, ref: 'refs/heads/MAIN' })).ok, false)
    assert.equal(
      (await attest({ ...DEPLOY_JOB, repository: 'acme/orderſ' }, { ...id, repository: 'acme/orders' })).ok,
      false,
    )
    assert.equal(
      (await attest({ ...DEPLOY_JOB, repository: 'acme/Kelvin' }, { ...id, repository: 'acme/\u212aelvin' })).ok,
      false,
    )
  })

  it('leaves a mistyped claim that nobody asked for out, and reports it', async () => {
    const outcome = await attest(DEPLOY_JOB, undefined, { actor: 5, unknown: 'x' })
    assert.ok(outcome.ok)
    assert.deepEqual(outcome.attestation.mistypedClaims, ['actor'])
    assert.equal(outcome.attestation.claims['actor'], undefined)
    assert.equal(outcome.attestation.claims['unknown'], undefined)
    assert.equal(outcome.attestation.tokenClaims['unknown'], 'x')
  })

  it('refuses a mistyped claim that require names', async () => {
    const outcome = await attest(DEPLOY_JOB, undefined, { repository_owner_id: 123456 })
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_claim_invalid')
    assert.match(outcome.ok ? '' : outcome.refusal.detail, /repository_owner_id has the wrong type/)
  })

  it('attests a fork pull request, so that a policy can refuse it and explain', async () => {
    const outcome = await attest(FORK_PULL_REQUEST_JOB)
    assert.ok(outcome.ok)
    assert.equal(outcome.attestation.claims['event_name'], 'pull_request_target')
    assert.equal(outcome.attestation.claims['environment'], undefined)
  })

  it('gives the workload its immutable ids', async () => {
    const outcome = await attest(DEPLOY_JOB)
    assert.ok(outcome.ok)
    assert.equal(
      outcome.attestation.workloadUri,
      'countersign://127.0.0.1:8700/workload/tp_test/repository_owner_id/123456/repository_id/456789',
    )
  })
})
