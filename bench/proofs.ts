import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'

/** An issuer of proofs for benchmarks: an RS256 key, its public halves, and GitHub-like tokens with their full claim set. */
export interface ProofSource {
  readonly issuer: string
  readonly audience: string
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  readonly publicPem: string
  /** `count` unique proofs, signed now. */
  sign(count: number): readonly string[]
}

/** Makes a key and signs with it: 2048 bits, as GitHub does. */
export function createProofSource(): ProofSource {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(String(jwk.n)).digest('base64url')
  const issuer = 'https://github.acme.example/_services/token'
  const audience = 'https://sts.acme.example'
  return {
    issuer,
    audience,
    jwks: { keys: [{ ...jwk, kid, alg: 'RS256', use: 'sig' }] },
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    sign: (count) =>
      Array.from({ length: count }, (_, index) => signProof(privateKey, { kid, issuer, audience, run: index })),
  }
}

function signProof(
  key: KeyObject,
  { kid, issuer, audience, run }: { kid: string; issuer: string; audience: string; run: number },
): string {
  const now = Math.floor(Date.now() / 1000)
  const workflow = 'acme/orders/.github/workflows/deploy.yml@refs/heads/main'
  const claims = {
    jti: randomUUID(),
    sub: 'repo:acme@123456/orders@456789:environment:production',
    aud: audience,
    ref: 'refs/heads/main',
    sha: createHash('sha1').update(String(run)).digest('hex'),
    repository: 'acme/orders',
    repository_owner: 'acme',
    repository_owner_id: '123456',
    run_id: String(9_000_000_000 + run),
    run_number: String(run),
    run_attempt: '1',
    repository_visibility: 'private',
    repository_id: '456789',
    actor_id: '42',
    actor: 'deployer',
    workflow: 'deploy',
    head_ref: '',
    base_ref: '',
    event_name: 'push',
    ref_protected: 'true',
    ref_type: 'branch',
    workflow_ref: workflow,
    workflow_sha: createHash('sha1').update('workflow').digest('hex'),
    job_workflow_ref: workflow,
    job_workflow_sha: createHash('sha1').update('workflow').digest('hex'),
    runner_environment: 'github-hosted',
    environment: 'production',
    environment_node_id: 'EN_kwDOAbCdEf8AAAABCdE',
    enterprise: 'acme',
    enterprise_id: '777',
    check_run_id: String(50_000_000_000 + run),
    iss: issuer,
    nbf: now - 300,
    exp: now + 600,
    iat: now,
  }
  const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${segment({ typ: 'JWT', alg: 'RS256', x5t: kid, kid })}.${segment(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}
