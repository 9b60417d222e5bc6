import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type JsonObject, type Now, toNumericDate } from '../../lib/index.ts'
import { DEPLOY_JOB, type GithubJobClaims, githubSubject } from './github-jobs.ts'
import { createIssuerKeys, type IssuerKeys } from './issuer-keys.ts'
import { type IssuerAnswer, startIssuerServer } from './issuer-server.ts'

/** The variables with which a job asks its runner for tokens, exactly as GitHub's runner sets them (`permissions: id-token: write`). */
export interface GithubJobEnvironment {
  readonly GITHUB_ACTIONS: 'true'
  readonly ACTIONS_ID_TOKEN_REQUEST_URL: string
  readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string
}

/** An emulated GitHub Actions issuer: real discovery, keys, signatures and token endpoint, on loopback. */
export interface GithubIssuer {
  readonly issuer: string
  readonly keys: IssuerKeys
  /** Starts a job with these claims; its request token lives as long as the issuer and names this job only. */
  createJob(claims?: GithubJobClaims): GithubJobEnvironment
  /** The claims of a token for this job, as the endpoint would sign them now. */
  tokenClaims(claims: GithubJobClaims, audience: string): JsonObject
  requests(path: string): number
  close(): Promise<void>
}

/** What an emulated GitHub issuer needs. */
export interface GithubIssuerOptions {
  /** 0 takes any free port. */
  readonly port: number
  readonly now: Now
  /** Loopback only; default 127.0.0.1. */
  readonly host?: string
  /** Format of `sub`; default `immutable_ids`, as for repositories made since 2026-07-15. */
  readonly subjects?: 'immutable_ids' | 'names'
}

const LIFETIME_SECONDS = 300
const BACKDATED_SECONDS = 600
const JOB_PATH = /^\/_apis\/jobs\/([0-9a-f-]{36})\/idtoken$/

interface Job {
  readonly claims: GithubJobClaims
  readonly tokenHash: Buffer
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function bearer(request: IncomingMessage): string {
  return /^bearer ([^\s]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
}

/** Starts an emulated GitHub Actions issuer. @throws RangeError for a host that is not loopback. */
export async function startGithubIssuer(options: GithubIssuerOptions): Promise<GithubIssuer> {
  const keys = await createIssuerKeys()
  const jobs = new Map<string, Job>()
  let origin = ''

  function tokenClaims(claims: GithubJobClaims, audience: string): JsonObject {
    const iat = toNumericDate(options.now())
    const job: Record<string, string> = {}
    for (const [name, value] of Object.entries(claims)) if (value !== undefined) job[name] = value
    return {
      jti: randomUUID(),
      sub: githubSubject(claims, options.subjects ?? 'immutable_ids'),
      aud: audience,
      ...job,
      iss: origin,
      nbf: iat - BACKDATED_SECONDS,
      exp: iat + LIFETIME_SECONDS,
      iat,
    }
  }

  function answerToken(job: Job | undefined, request: IncomingMessage, url: URL): IssuerAnswer {
    if (job === undefined || !timingSafeEqual(job.tokenHash, sha256(bearer(request)))) {
      return { status: 401, body: { message: 'Unauthorized' } }
    }
    const audience = url.searchParams.get('audience') ?? `https://github.com/${job.claims.repository_owner}`
    const value = keys.sign(tokenClaims(job.claims, audience), { typ: 'JWT', x5t: keys.kid })
    return { status: 200, body: { count: value.length, value } }
  }

  function answer(request: IncomingMessage, url: URL): IssuerAnswer | undefined {
    if (request.method !== 'GET') return undefined
    if (url.pathname === '/.well-known/openid-configuration') return { status: 200, body: discoveryDocument(origin) }
    if (url.pathname === '/.well-known/jwks') return { status: 200, body: keys.jwks() }
    const id = JOB_PATH.exec(url.pathname)?.[1]
    return id === undefined ? undefined : answerToken(jobs.get(id), request, url)
  }

  const server = await startIssuerServer({ host: options.host, port: options.port, answer })
  origin = server.origin
  return {
    issuer: origin,
    keys,
    createJob(claims = DEPLOY_JOB) {
      const id = randomUUID()
      const token = randomBytes(32).toString('base64url')
      jobs.set(id, { claims, tokenHash: sha256(token) })
      return {
        GITHUB_ACTIONS: 'true',
        // The runner's URL has a query already; clients append `&audience=`.
        ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/_apis/jobs/${id}/idtoken?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
      }
    },
    tokenClaims,
    requests: server.requests,
    close: server.close,
  }
}

function discoveryDocument(issuer: string): JsonObject {
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks`,
    subject_types_supported: ['public', 'pairwise'],
    response_types_supported: ['id_token'],
    claims_supported: ['sub', 'aud', 'exp', 'iat', 'iss', 'jti', 'nbf', ...Object.keys(DEPLOY_JOB)],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid'],
  }
}
