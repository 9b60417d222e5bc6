/**
 * An issuer of proofs for end-to-end tests: a GitHub Enterprise host that signs with a local RS256 key whose public half is registered
 * inline, so that no test opens a socket to an issuer.
 */
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'

/** Claims of a proof, or what a test changes about them; undefined leaves a claim out. */
export type ProofClaims = Readonly<Record<string, unknown>>

/** An issuer with its one key. */
export interface ProofIssuer {
  readonly issuer: string
  readonly audience: string
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** A fresh proof of the deploy job, by default one that the policy of {@link documentsFor} grants. */
  sign(changes?: ProofClaims): string
  /** `count` different proofs. */
  signMany(count: number): readonly string[]
}

/** Makes a key of 2048 bits, as GitHub's are, and signs with it. */
export function createProofIssuer(): ProofIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(String(jwk.n)).digest('base64url')
  const issuer = 'https://github.acme.example/_services/token'
  const audience = 'https://sts.acme.example'
  const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signOne = (changes: ProofClaims = {}): string => {
    const claims = { ...deployClaims(), iss: issuer, aud: audience, ...changes }
    const input = `${segment({ typ: 'JWT', alg: 'RS256', x5t: kid, kid })}.${segment(claims)}`
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  }
  return {
    issuer,
    audience,
    jwks: { keys: [{ ...jwk, kid, alg: 'RS256', use: 'sig' }] },
    sign: signOne,
    signMany: (count) => Array.from({ length: count }, () => signOne()),
  }
}

function deployClaims(): ProofClaims {
  const now = Math.floor(Date.now() / 1000)
  const workflow = 'acme/orders/.github/workflows/deploy.yml@refs/heads/main'
  return {
    jti: randomUUID(),
    sub: 'repo:acme@123456/orders@456789:environment:production',
    ref: 'refs/heads/main',
    ref_type: 'branch',
    ref_protected: 'true',
    sha: createHash('sha1').update(workflow).digest('hex'),
    repository: 'acme/orders',
    repository_id: '456789',
    repository_owner: 'acme',
    repository_owner_id: '123456',
    repository_visibility: 'private',
    run_id: '9000000001',
    run_number: '1',
    run_attempt: '1',
    actor: 'deployer',
    actor_id: '42',
    workflow: 'deploy',
    workflow_ref: workflow,
    workflow_sha: createHash('sha1').update('workflow').digest('hex'),
    job_workflow_ref: workflow,
    job_workflow_sha: createHash('sha1').update('workflow').digest('hex'),
    head_ref: '',
    base_ref: '',
    event_name: 'push',
    runner_environment: 'github-hosted',
    environment: 'production',
    enterprise: 'acme',
    enterprise_id: '777',
    nbf: now - 300,
    iat: now,
    exp: now + 600,
  }
}

/** The audience of the one service that {@link documentsFor} registers. */
export const ORDERS_AUDIENCE = 'https://orders.acme.internal'

/** Resource documents that grant `orders:deploy` to the deploy job of this issuer, and nothing else to anybody. */
export function documentsFor({ issuer, audience, jwks }: ProofIssuer): string {
  return `apiVersion: countersign/v1
kind: Team
metadata: { name: platform }
spec: {}
---
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: github-acme, owner: team:platform, purpose: CI of the acme organisation, reviewBy: 2099-05-01 }
spec:
  preset: github-actions
  issuer: ${issuer}
  audience: ${audience}
  keys: { jwks: ${JSON.stringify(jwks)} }
  require: { repository_owner_id: "123456" }
---
apiVersion: countersign/v1
kind: Service
metadata: { name: orders-api, owner: team:platform, purpose: takes orders, environment: production }
spec:
  audience: ${ORDERS_AUDIENCE}
  scopes: [orders:read, orders:write, orders:deploy]
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: deploy-orders, owner: team:platform, purpose: deploys the orders API, environment: production, reviewBy: 2099-05-01 }
spec:
  provider: github-acme
  match:
    repository_owner_id: "123456"
    repository_id: "456789"
    ref: refs/heads/main
    environment: production
    job_workflow_ref: acme/orders/.github/workflows/deploy.yml@refs/heads/main
    event_name: { in: [push] }
  grant: { service: orders-api, scopes: [orders:deploy], ttl: 15m }
  mode: enforce
`
}
