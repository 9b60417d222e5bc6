import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createTestClock, runAttestorSuite, trustProviderResource } from '../../../../test/support/attestor-suite.ts'
import type { JsonObject } from '../lib/index.ts'
import { type KubernetesIssuer, startKubernetesIssuer } from '../quickstart/issuers/index.ts'
import { type Attestors, createAttestors } from './attestors.ts'
import { findCandidates } from './candidates.ts'
import { compileTrustProvider } from './compile.ts'
import type { TrustProvider } from './types.ts'
import { readUnverified } from './unverified.ts'

const AUDIENCE = 'https://sts.acme.example'
const TOKEN = { namespace: 'reports', serviceAccount: 'nightly', audience: AUDIENCE }
const SHARED_ISSUER = 'https://kubernetes.default.svc'

runAttestorSuite('kubernetes', async (clock) => {
  const cluster = await startKubernetesIssuer({ port: 0, now: clock.now })
  const provider = compileTrustProvider(
    trustProviderResource({
      preset: 'kubernetes',
      issuer: cluster.issuer,
      audience: AUDIENCE,
      require: { namespace: 'reports' },
      network: { allowLoopbackHttp: true },
    }),
  )
  return {
    provider,
    keys: cluster.keys,
    header: {},
    claims: () => cluster.tokenClaims(TOKEN),
    strangerClaims: () => cluster.tokenClaims({ ...TOKEN, namespace: 'mallory' }),
    requests: cluster.requests,
    jwksPath: '/openid/v1/jwks',
    close: cluster.close,
  }
})

describe('proofs of Kubernetes', () => {
  const clock = createTestClock()
  let clusters: readonly KubernetesIssuer[]
  let directory: string
  let attestors: Attestors

  before(async () => {
    clusters = await Promise.all([1, 2, 3].map(() => startKubernetesIssuer({ port: 0, now: clock.now })))
    directory = await mkdtemp(join(tmpdir(), 'cs-kubernetes-'))
    attestors = createAttestors({ now: clock.now, ourIssuerHost: 'sts.acme.example' })
  })
  after(async () => {
    attestors.close()
    await Promise.all(clusters.map((cluster) => cluster.close()))
    await rm(directory, { recursive: true })
  })

  // Private clusters: one issuer string, each its own keys, known by file or inline.
  function privateCluster(index: number, keys: JsonObject, id = `tp_${index}`): TrustProvider {
    return compileTrustProvider(
      trustProviderResource(
        { preset: 'kubernetes', issuer: SHARED_ISSUER, audience: AUDIENCE, keys },
        { id, name: `cluster-${index}` },
      ),
    )
  }
  function clusterAt(index: number): KubernetesIssuer {
    const cluster = clusters[index]
    assert.ok(cluster)
    return cluster
  }
  const proofOf = (index: number, change: JsonObject = {}): string => {
    const cluster = clusterAt(index)
    return cluster.keys.sign({ ...cluster.tokenClaims(TOKEN), iss: SHARED_ISSUER, ...change })
  }

  it('refuses the proof of another cluster with the same issuer string', async () => {
    const provider = privateCluster(0, { jwks: clusterAt(0).keys.jwks() })
    const outcome = await attestors.attest(proofOf(1), provider)
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_unknown_key')
  })

  it('refuses a legacy token, which has no exp and no kubernetes.io claims', async () => {
    const legacy = clusterAt(0).keys.sign({
      iss: SHARED_ISSUER,
      aud: AUDIENCE,
      sub: 'system:serviceaccount:reports:nightly',
      'kubernetes.io/serviceaccount/namespace': 'reports',
    })
    const outcome = await attestors.attest(legacy, privateCluster(0, { jwks: clusterAt(0).keys.jwks() }))
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_claim_invalid')
  })

  it('refuses a token of a year, as the API server extends its own', async () => {
    const cluster = clusterAt(0)
    const proof = cluster.keys.sign({
      ...cluster.tokenClaims({ ...TOKEN, lifetimeSeconds: 31_536_000 }),
      iss: SHARED_ISSUER,
    })
    const outcome = await attestors.attest(proof, privateCluster(0, { jwks: cluster.keys.jwks() }))
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_too_old')
  })

  it('refuses a token whose sub names another service account than its claims', async () => {
    const proof = proofOf(0, { sub: 'system:serviceaccount:kube-system:admin' })
    const outcome = await attestors.attest(proof, privateCluster(0, { jwks: clusterAt(0).keys.jwks() }))
    assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_claim_invalid')
  })

  it('attests by a JWKS file, and follows a key that is removed from it', async () => {
    const path = join(directory, 'jwks.json')
    await writeFile(path, JSON.stringify(clusterAt(0).keys.jwks()))
    const provider = privateCluster(0, { jwksFile: path })
    const outcome = await attestors.attest(proofOf(0), provider)
    assert.ok(outcome.ok)
    assert.equal(outcome.attestation.claims['serviceaccount'], 'nightly')
    assert.match(
      outcome.attestation.workloadUri,
      /\/serviceaccount_uid\/[0-9a-f-]{36}\/namespace\/reports\/serviceaccount\/nightly$/,
    )
    await writeFile(path, JSON.stringify(clusterAt(1).keys.jwks()))
    clock.advance(31)
    const removed = await attestors.attest(proofOf(0), provider)
    assert.equal(removed.ok ? '' : removed.refusal.code, 'proof_unknown_key')
    assert.equal((await attestors.attest(proofOf(1), provider)).ok, true)
    await writeFile(path, '{')
    clock.advance(31)
    const broken = await attestors.attest(proofOf(1), provider)
    assert.equal(broken.ok ? '' : broken.refusal.code, 'provider_unavailable')
    assert.equal(attestors.holdsKey(provider, clusterAt(1).keys.kid), false)
  })

  it('chooses among clusters with one issuer by the kid that their keys hold', async () => {
    const providers = [0, 1, 2].map((index) => privateCluster(index, { jwks: clusterAt(index).keys.jwks() }))
    const unverified = readUnverified(proofOf(2))
    assert.ok(unverified.ok)
    const candidates = findCandidates(providers, unverified.value, attestors)
    assert.ok(candidates.ok)
    assert.deepEqual(
      candidates.providers.map((provider) => provider.id),
      ['tp_2'],
    )
  })

  it('gives equal names in two clusters two workloads', async () => {
    const [first, second] = await Promise.all(
      [0, 1].map((index) =>
        attestors.attest(proofOf(index), privateCluster(index, { jwks: clusterAt(index).keys.jwks() })),
      ),
    )
    assert.ok(first?.ok && second?.ok)
    assert.notEqual(first.attestation.workloadId, second.attestation.workloadId)
  })
})
