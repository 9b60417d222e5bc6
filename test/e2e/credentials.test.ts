// The credential client against a real server process, with proofs of emulated issuers and an API that verifies: every source of
// proof, the page that explains it, and what happens when the server refuses or is away.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createDpopVerifier, createTokenVerifier, isCountersignError, type TokenClaims } from '@countersign/sdk'
import {
  type CredentialClient,
  type CredentialClientOptions,
  callbackSource,
  createCredentialClient,
  fileSource,
  githubSource,
  kubernetesSource,
} from '@countersign/sdk/credentials'
import { systemNow } from '../../packages/server/src/lib/index.ts'
import {
  DEPLOY_JOB,
  FORK_PULL_REQUEST_JOB,
  type GithubIssuer,
  type KubernetesIssuer,
  startGithubIssuer,
  startKubernetesIssuer,
} from '../../packages/server/src/quickstart/issuers/index.ts'
import { ROOT, readBlocks } from '../support/documentation.ts'
import { createInstallation, type Installation, type Replica } from '../support/installation.ts'

const PAGE = 'docs/how-to/call-an-api.md'
const cleanups: (() => Promise<void> | void)[] = []
const clients: CredentialClient[] = []
let installation: Installation
let server: Replica
let github: GithubIssuer
let cluster: KubernetesIssuer
let api: Api

before(async () => {
  github = await startGithubIssuer({ port: 0, now: systemNow })
  cluster = await startKubernetesIssuer({ port: 0, now: systemNow })
  cleanups.push(
    () => github.close(),
    () => cluster.close(),
  )
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  api = await startApi(installation.issuer)
  cleanups.push(
    () => void api.server.close(),
    () => api.server.closeAllConnections(),
  )
  writeFileSync(join(installation.directory, 'documents.yaml'), documents())
  server = await installation.addReplica()
  await server.start()
  await server.apply()
})
after(async () => {
  for (const client of clients) client.close()
  for (const cleanup of cleanups.reverse()) await cleanup()
})

interface Api {
  readonly server: Server
  readonly address: string
  /** Tokens that it refuses from now on, by jti. */
  readonly refused: Set<unknown>
  readonly calls: { readonly claims: TokenClaims; readonly jkt: string | undefined }[]
}

/** An API whose audience is its own address. It verifies tokens with the SDK, and proofs of possession where a token demands one. */
async function startApi(issuer: string): Promise<Api> {
  const refused = new Set<unknown>()
  const calls: Api['calls'] = []
  const dpop = createDpopVerifier()
  const listening = createServer(async (request, response) => {
    const answer = (status: number, body: object, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    try {
      const [scheme, accessToken = ''] = (request.headers.authorization ?? '').split(' ')
      const { claims } = await verifier.verify(accessToken)
      const { jkt } = (claims['cnf'] ?? {}) as { jkt?: string }
      if (jkt !== undefined || scheme === 'DPoP') {
        const proof = request.headers['dpop'] as string | undefined
        const { method = '', url } = request
        dpop.verify({ proof, method, url: `${address}${url}`, accessToken, thumbprint: jkt ?? '' })
      }
      if (refused.has(claims['jti'])) return answer(401, { error: 'invalid_token' })
      calls.push({ claims, jkt })
      answer(200, { scope: claims['scope'], caller: claims['client_id'] })
    } catch (error) {
      answer(401, { error: isCountersignError(error) ? error.code : 'unknown' })
    }
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
  const verifier = createTokenVerifier({ issuer, audience: address, remote: { allowLoopbackHttp: true } })
  return { server: listening, address, refused, calls }
}

/** The audience of proofs is the server's address, as the client asks for it by itself. */
function documents(): string {
  const { issuer } = installation
  const { jwks, issuer: host } = installation.proofs
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
  issuer: ${github.issuer}
  audience: ${issuer}
  require: { repository_owner_id: "123456" }
  network: { allowLoopbackHttp: true }
---
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: cluster-a, owner: team:platform, purpose: workloads of cluster a, reviewBy: 2099-05-01 }
spec:
  preset: kubernetes
  issuer: ${cluster.issuer}
  audience: ${issuer}
  network: { allowLoopbackHttp: true }
---
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: host, owner: team:platform, purpose: a host with a key of its own, reviewBy: 2099-05-01 }
spec:
  preset: oidc
  issuer: ${host}
  audience: ${issuer}
  singleTenant: true
  keys: { jwks: ${JSON.stringify(jwks)} }
---
apiVersion: countersign/v1
kind: Service
metadata: { name: orders-api, owner: team:platform, purpose: takes orders, environment: production }
spec:
  audience: ${api.address}
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
    job_workflow_ref: acme/deploy/.github/workflows/release.yml@refs/heads/main
    event_name: { in: [push] }
  grant: { service: orders-api, scopes: [orders:deploy], ttl: 15m }
  mode: enforce
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: nightly-report, owner: team:platform, purpose: reads orders, environment: production, reviewBy: 2099-05-01 }
spec:
  provider: cluster-a
  match: { namespace: reports, serviceaccount: nightly, serviceaccount_uid: ${nightlyUid()} }
  grant: { service: orders-api, scopes: [orders:read], ttl: 10m }
  mode: enforce
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: host-reads, owner: team:platform, purpose: reads orders, environment: production, reviewBy: 2099-05-01 }
spec:
  provider: host
  match: { sub: host-1 }
  grant: { service: orders-api, scopes: [orders:read], ttl: 10m }
  mode: enforce
`
}

const NIGHTLY = { namespace: 'reports', serviceAccount: 'nightly' }

function nightlyUid(): string {
  const { serviceaccount } = cluster.tokenClaims({ ...NIGHTLY, audience: '' })['kubernetes.io'] as {
    serviceaccount: { uid: string }
  }
  return serviceaccount.uid
}

function createClient(options: Partial<CredentialClientOptions>): CredentialClient {
  const client = createCredentialClient({ server: installation.issuer, audience: api.address, ...options })
  clients.push(client)
  return client
}

const githubJob = (claims = DEPLOY_JOB) => [githubSource({ env: { ...github.createJob(claims) } })]

async function failureOf(promise: Promise<unknown>) {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail('it did not fail')
}

test('a refusal brings the id of the event, which an administrator can explain, and is not repeated at once (S-02)', async () => {
  const client = createClient({ sources: githubJob(FORK_PULL_REQUEST_JOB) })
  const error = await failureOf(client.token())
  assert.ok(isCountersignError(error, 'exchange_refused'))
  assert.match(error.message, /400 invalid_target/)
  const explained = await server.cli('explain', String(error.eventId))
  assert.equal(explained.exit, 0, explained.stderr)
  const again = await failureOf(client.token())
  assert.ok(isCountersignError(again, 'exchange_refused'))
  assert.equal(again.eventId, error.eventId)
})

test('a scope that the policy does not grant, and an audience that nobody has, are refused (S-04)', async () => {
  for (const options of [{ scope: 'orders:write' }, { audience: 'https://nobody.acme.example' }]) {
    const error = await failureOf(createClient({ sources: githubJob(), ...options }).token())
    assert.ok(isCountersignError(error, 'exchange_refused'))
  }
})

test('a server under another name is refused before any proof is made', async () => {
  const { port } = new URL(installation.issuer)
  let asked = 0
  const source = callbackSource(async () => {
    asked += 1
    return 'proof'
  })
  const error = await failureOf(createClient({ server: `http://localhost:${port}`, sources: [source] }).token())
  assert.ok(isCountersignError(error))
  assert.ok(['discovery_invalid', 'exchange_unavailable'].includes(error.code), error.code)
  assert.equal(asked, 0)
})

test('GitHub: each exchange takes a proof of its own, which is good for one (S-07)', async () => {
  const client = createClient({ sources: githubJob() })
  const before = github.requests('/.well-known/jwks')
  for (let round = 0; round < 3; round++) {
    const token = await client.token({ fresh: true })
    assert.deepEqual(token.scopes, ['orders:deploy'])
    assert.equal(token.lifetimeSeconds, 900)
    assert.match(token.eventId ?? '', /^evt_/)
  }
  assert.ok(github.requests('/.well-known/jwks') - before <= 1)
  assert.deepEqual(await (await client.fetch(`${api.address}/deployments`, { method: 'POST' })).json(), {
    scope: 'orders:deploy',
    caller: api.calls.at(-1)?.claims['client_id'],
  })
})

test('Kubernetes: the projected file is read anew, as the kubelet renews it', async () => {
  const path = join(installation.directory, 'pod/token')
  const client = createClient({ sources: [kubernetesSource({ path })] })
  assert.ok(isCountersignError(await failureOf(client.token()), 'proof_invalid'))
  for (let round = 0; round < 2; round++) {
    await cluster.writeToken({ ...NIGHTLY, audience: installation.issuer, path })
    assert.deepEqual((await client.token({ fresh: true })).scopes, ['orders:read'])
  }
  assert.equal((await client.fetch(`${api.address}/orders`)).status, 200)
})

test('a file of any OIDC issuer: a proof that nobody renews is good for one exchange', async () => {
  const path = join(installation.directory, 'host.jwt')
  const sign = () => installation.proofs.sign({ sub: 'host-1', aud: installation.issuer })
  writeFileSync(path, `${sign()}\n`, { mode: 0o600 })
  const client = createClient({ sources: [fileSource({ env: { COUNTERSIGN_PROOF_FILE: path } })] })
  assert.deepEqual((await client.token()).scopes, ['orders:read'])
  assert.ok(isCountersignError(await failureOf(client.token({ fresh: true })), 'exchange_refused'))
  // The token at hand is not lost by that.
  assert.equal((await client.fetch(`${api.address}/orders`)).status, 200)
})

test('1,000 callers at once cause one event', async () => {
  const client = createClient({ sources: githubJob() })
  const tokens = await Promise.all(Array.from({ length: 1000 }, () => client.token()))
  assert.equal(new Set(tokens.map(({ eventId }) => eventId)).size, 1)
})

test('a token that the API refuses is replaced once, and the call succeeds', async () => {
  const client = createClient({ sources: githubJob() })
  const { accessToken } = await client.token()
  const { jti } = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }
  api.refused.add(jti)
  assert.equal((await client.fetch(`${api.address}/deployments`, { method: 'POST', body: '{}' })).status, 200)
  assert.notEqual((await client.token()).accessToken, accessToken)
})

test('dpop: the token is bound to the key of the client, and of no use without it (RFC 9449)', async () => {
  const client = createClient({ sources: githubJob(), dpop: true })
  assert.equal((await client.fetch(`${api.address}/deployments`, { method: 'POST' })).status, 200)
  assert.equal((await client.fetch(`${api.address}/deployments?again=1`)).status, 200)
  assert.notEqual(api.calls.at(-1)?.jkt, undefined)
  const { accessToken } = await client.token()
  for (const scheme of ['Bearer', 'DPoP']) {
    const stolen = await fetch(`${api.address}/orders`, { headers: { authorization: `${scheme} ${accessToken}` } })
    assert.equal(stolen.status, 401)
  }
})

test('the server is away: the token at hand is used, a new one is exchange_unavailable, and it recovers by itself', async () => {
  const client = createClient({ sources: githubJob() })
  await client.token()
  await server.kill()
  assert.equal((await client.fetch(`${api.address}/deployments`)).status, 200)
  const other = createClient({ sources: githubJob(), random: () => 0 })
  const error = await failureOf(other.token())
  assert.ok(isCountersignError(error, 'exchange_unavailable'))
  assert.equal(error.retryable, true)
  await server.start()
  for (;;) {
    const recovered = await other.token().catch((cause: unknown) => cause)
    if (!(recovered instanceof Error)) break
    assert.ok(isCountersignError(recovered, 'exchange_unavailable'), String(recovered))
    await pause(50)
  }
})

/** Runs a file of the page as its reader does, in an environment of its own. */
async function runExample(title: string, env: Readonly<Record<string, string>>, platform = '') {
  const block =
    readBlocks(PAGE).find((candidate) => candidate.title === title) ?? assert.fail(`${PAGE} has no ${title}`)
  const directory = mkdtempSync(join(installation.directory, 'reader-'))
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  const text = block.text
    .replaceAll('https://sts.acme.example', installation.issuer)
    .replaceAll('https://orders.acme.example', api.address)
    .replaceAll('http://127.0.0.1:9000', platform)
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  writeFileSync(join(directory, title), text)
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', title], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
  }
  const exit = await new Promise((resolve) => child.once('close', resolve))
  return { exit, output }
}

test('the page: the first example runs in a GitHub job, and nowhere else, where it says what it tried', async () => {
  const inJob = await runExample('deploy.ts', { ...github.createJob() })
  assert.equal(inJob.exit, 0, inJob.output)
  assert.match(inJob.output, /^200 \{\s+scope: 'orders:deploy',\s+caller: 'wl_[^']+'\s+\}\n$/)
  const elsewhere = await runExample('deploy.ts', {})
  assert.notEqual(elsewhere.exit, 0)
  assert.match(elsewhere.output, /github: .* not set.*; file: COUNTERSIGN_PROOF_FILE not set; kubernetes: no file/)
})

test('the page: a source of ones own', async (t) => {
  const platform = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    response.end(installation.proofs.sign({ sub: 'host-1', aud: searchParams.get('audience') }))
  })
  await new Promise<void>((resolve) => platform.listen(0, '127.0.0.1', resolve))
  t.after(() => platform.close())
  const { port } = platform.address() as AddressInfo
  const { exit, output } = await runExample('metadata.ts', {}, `http://127.0.0.1:${port}`)
  assert.equal(exit, 0, output)
  assert.equal(output, "[ 'orders:read' ]\n")
})
