import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type JsonObject, type Now, toNumericDate } from '../../lib/index.ts'
import { createIssuerKeys, type IssuerKeys } from './issuer-keys.ts'
import { startIssuerServer } from './issuer-server.ts'

/** Which pod a projected token is for. */
export interface ProjectedToken {
  readonly namespace: string
  readonly serviceAccount: string
  readonly audience: string
  /** Default: SERVICEACCOUNT-0. */
  readonly pod?: string
  /** Default: one hour. */
  readonly lifetimeSeconds?: number
}

/** An emulated Kubernetes cluster, as far as its service account tokens go: discovery, keys, projected token files, on loopback. */
export interface KubernetesIssuer {
  readonly issuer: string
  readonly keys: IssuerKeys
  /** The claims of a projected token, as the API server would sign them now. uids are the same in every run. */
  tokenClaims(token: ProjectedToken): JsonObject
  /** A signed projected token. */
  issueToken(token: ProjectedToken): string
  /** Writes a token as the kubelet does: replaced in one step, mode 0600. */
  writeToken(token: ProjectedToken & { readonly path: string }): Promise<void>
  requests(path: string): number
  close(): Promise<void>
}

const NODE = 'worker-1'

// Derived from the name, so that policies that pin a uid survive a restart of the quickstart.
function uid(kind: string, ...names: readonly string[]): string {
  const hex = createHash('sha256')
    .update([kind, ...names].join('\0'))
    .digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Starts an emulated Kubernetes issuer. @throws RangeError for a host that is not loopback. */
export async function startKubernetesIssuer(options: {
  readonly port: number
  readonly now: Now
  readonly host?: string
}): Promise<KubernetesIssuer> {
  const keys = await createIssuerKeys()
  let origin = ''
  const server = await startIssuerServer({
    host: options.host,
    port: options.port,
    answer(request, url) {
      if (request.method !== 'GET') return undefined
      if (url.pathname === '/.well-known/openid-configuration') return { status: 200, body: discoveryDocument(origin) }
      if (url.pathname !== '/openid/v1/jwks') return undefined
      return { status: 200, body: keys.jwks(), contentType: 'application/jwk-set+json' }
    },
  })
  origin = server.origin

  function tokenClaims(token: ProjectedToken): JsonObject {
    const iat = toNumericDate(options.now())
    const pod = token.pod ?? `${token.serviceAccount}-0`
    return {
      aud: [token.audience],
      exp: iat + (token.lifetimeSeconds ?? 3600),
      iat,
      iss: origin,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace: token.namespace,
        node: { name: NODE, uid: uid('node', NODE) },
        pod: { name: pod, uid: uid('pod', token.namespace, pod) },
        serviceaccount: {
          name: token.serviceAccount,
          uid: uid('serviceaccount', token.namespace, token.serviceAccount),
        },
      },
      nbf: iat,
      sub: `system:serviceaccount:${token.namespace}:${token.serviceAccount}`,
    }
  }

  // The API server writes `alg` and `kid`, and no `typ`.
  const issueToken = (token: ProjectedToken): string => keys.sign(tokenClaims(token))

  return {
    issuer: origin,
    keys,
    tokenClaims,
    issueToken,
    async writeToken(token) {
      await mkdir(dirname(token.path), { recursive: true, mode: 0o700 })
      const temporary = `${token.path}.${randomUUID()}`
      await writeFile(temporary, issueToken(token), { mode: 0o600, flag: 'wx' })
      await rename(temporary, token.path)
    },
    requests: server.requests,
    close: server.close,
  }
}

function discoveryDocument(issuer: string): JsonObject {
  return {
    issuer,
    jwks_uri: `${issuer}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
}
