// Follows docs/how-to/protect-an-api.md and examples/orders-api-following/README.md against a real server: the line of each framework, every
// answer of the table, and an API that follows revocations until `countersign revoke` ends a token.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createDpopKey } from '@countersign/sdk'
import { callbackSource, createCredentialClient } from '@countersign/sdk/credentials'
import { type ProtectOptions, protect, type RefusalReport } from '@countersign/sdk/fetch'
import { createTestIssuer } from '@countersign/sdk/testing'
import { createTokenVerifier, type TokenVerifier } from '@countersign/sdk/verify'
import { createApp } from '../examples/orders-api-following/app.ts'
import { systemNow } from '../packages/server/src/lib/index.ts'
import { type KubernetesIssuer, startKubernetesIssuer } from '../packages/server/src/quickstart/issuers/index.ts'
import { type Block, ROOT, readBlocks } from './support/documentation.ts'
import { findFreePort } from './support/free-port.ts'
import { createInstallation, type Installation, type Replica } from './support/installation.ts'
import { ORDERS_AUDIENCE } from './support/proofs.ts'
import { createReader, type Reader } from './support/reader.ts'

const PAGE = 'docs/how-to/protect-an-api.md'
const EXAMPLE = 'examples/orders-api-following'
const page = readBlocks(PAGE)
const readme = readBlocks(`${EXAMPLE}/README.md`)
const pageText = readFileSync(join(ROOT, PAGE), 'utf8')
const AUDIENCE = 'https://orders.acme.example'
const URL_OF_ORDERS = `${AUDIENCE}/orders`

const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let server: Replica
let cluster: KubernetesIssuer
let reader: Reader
let boundPort: number
let apiPort: number

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  const { directory, issuer } = installation
  cluster = await startKubernetesIssuer({ port: 0, now: systemNow })
  cleanups.push(() => cluster.close())
  appendFileSync(join(directory, 'documents.yaml'), clusterDocuments())
  server = await installation.addReplica()
  await server.start()
  await server.apply()
  boundPort = await findFreePort()
  apiPort = await findFreePort()
  const replacements: readonly (readonly [string, string])[] = [
    [`origin: '${AUDIENCE}'`, `origin: 'http://127.0.0.1:${boundPort}'`],
    ['https://sts.acme.example', issuer],
    [`issuer: '${issuer}',`, `issuer: '${issuer}', remote: { allowLoopbackHttp: true },`],
    [AUDIENCE, ORDERS_AUDIENCE],
    ['9c2f4b1e-7a60-4d3b-8e15-0f4d2a9b6c71', uidOf('orders', 'orders-api')],
    ['npx countersign', 'countersign'],
    ['http://127.0.0.1:8700', issuer],
    ['http://127.0.0.1:8720', `http://127.0.0.1:${apiPort}`],
  ]
  const replace = (text: string) => replacements.reduce((now, [from, to]) => now.replaceAll(from, to), text)
  reader = createReader({ directory, replace })
  mkdirSync(join(directory, '.quickstart/jobs'), { recursive: true })
  for (const folder of ['', '.quickstart']) copyFileSync(server.configFile, join(directory, folder, 'countersign.yaml'))
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  for (const block of page.filter(({ language, title = '' }) => language === 'ts' && !title.includes('/'))) {
    reader.write(block)
  }
  const { verifier } = await load('verifier.ts')
  cleanups.push(() => (verifier as TokenVerifier).close())
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

/** What is beside the documents of the installation: those of the set-up page that this one goes on from. */
function clusterDocuments(): string {
  return `---
apiVersion: countersign/v1
kind: Team
metadata: { name: orders }
spec: {}
---
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: cluster-a, owner: team:platform, purpose: workloads of cluster a, reviewBy: 2099-05-01 }
spec:
  preset: kubernetes
  issuer: ${cluster.issuer}
  audience: ${installation.issuer}
  keys: { jwks: ${JSON.stringify(cluster.keys.jwks())} }
  network: { allowLoopbackHttp: true }
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: nightly-report, owner: team:platform, purpose: reads orders, environment: production, reviewBy: 2099-05-01 }
spec:
  provider: cluster-a
  match: { namespace: reports, serviceaccount: nightly, serviceaccount_uid: ${uidOf('reports', 'nightly')} }
  grant: { service: orders-api, scopes: ["orders:read"], ttl: 10m }
  mode: enforce
`
}

const pod = (namespace: string, serviceAccount: string) => ({
  ...{ namespace, serviceAccount },
  audience: installation.issuer,
})

function uidOf(namespace: string, serviceAccount: string): string {
  const claims = cluster.tokenClaims(pod(namespace, serviceAccount))['kubernetes.io']
  return (claims as { serviceaccount: { uid: string } }).serviceaccount.uid
}

/** An access token of the nightly report, which may read orders. */
async function nightlyToken(): Promise<string> {
  const answer = await server.exchange(cluster.issueToken(pod('reports', 'nightly')), { scope: 'orders:read' })
  return String(answer.json?.['access_token'] ?? assert.fail(answer.text))
}

async function listen(listener: RequestListener | Server, port = 0): Promise<string> {
  const listening = typeof listener === 'function' ? createServer(listener) : listener
  await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve))
  cleanups.push(() => void listening.close().closeAllConnections())
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

function load(title: string): Promise<Record<string, unknown>> {
  return import(pathToFileURL(join(installation.directory, title)).href)
}

interface FastifyApp {
  inject(request: object): Promise<{ statusCode: number; headers: Record<string, string>; body: string }>
}

type HeaderFields = Readonly<Record<string, string>>

/** Asks the program of a page for orders, in the way of its framework. */
const ASK: Readonly<Record<string, (loaded: Record<string, unknown>, headers: HeaderFields) => Promise<Response>>> = {
  'express.ts': async ({ app }, headers) => fetch(`${await listen(app as RequestListener)}/orders`, { headers }),
  'fastify.ts': async ({ app }, headers) => {
    const answer = await (app as FastifyApp).inject({ url: '/orders', headers })
    return new Response(answer.body, { status: answer.statusCode, headers: answer.headers })
  },
  'hono.ts': async ({ app }, headers) => {
    return (app as { request(path: string, init: RequestInit): Promise<Response> }).request('/orders', { headers })
  },
  'fetch.ts': async ({ handler }, headers) => {
    return (handler as (request: Request) => Promise<Response>)(new Request(URL_OF_ORDERS, { headers }))
  },
  'node.ts': async ({ server: listener }, headers) => {
    const found = (listener as Server).listening
      ? `http://127.0.0.1:${((listener as Server).address() as AddressInfo).port}`
      : await listen(listener as Server)
    return fetch(`${found}/orders`, { headers })
  },
}

test('how-to: every program of the page is run by a test', () => {
  const titles = page.filter(({ language }) => language === 'ts').map(({ title = '' }) => title)
  const own = titles.filter((title) => !title.startsWith(`${EXAMPLE}/`))
  assert.deepEqual(own.sort(), [...Object.keys(ASK), 'verifier.ts', 'bound.ts'].sort())
})

test('how-to: the code that the page shows of the example is the code of the example', () => {
  const shown = page.filter(({ title }) => title?.startsWith('examples/'))
  assert.ok(shown.length >= 5)
  for (const { title = '', text, line } of shown) {
    assert.ok(readFileSync(join(ROOT, title), 'utf8').includes(text), `${PAGE}:${line}`)
  }
})

test('how-to: the line of each framework refuses without a token and without the scope, and admits with it (RFC 6750)', async () => {
  const [deployer, nightly] = await Promise.all([server.exchange(installation.proofs.sign()), nightlyToken()])
  for (const [title, ask] of Object.entries(ASK)) {
    const loaded = await load(title)
    const none = await ask(loaded, {})
    assert.deepEqual([none.status, none.headers.get('www-authenticate')], [401, 'Bearer realm="api"'], title)
    const forged = await ask(loaded, bearer(`${nightly.slice(0, -8)}AAAAAAAA`))
    assert.equal(forged.status, 401, title)
    const other = await ask(loaded, bearer(String(deployer.json?.['access_token'])))
    assert.equal(other.status, 403, title)
    assert.match(other.headers.get('www-authenticate') ?? '', /error="insufficient_scope", scope="orders:read"/, title)
    const admitted = await ask(loaded, bearer(nightly))
    assert.equal(admitted.status, 200, title)
    const { orders, caller } = JSON.parse(await admitted.text()) as { orders: number; caller: string }
    assert.equal(orders, 3, title)
    assert.match(caller, /^wl_/, title)
  }
})

test('how-to: a bound token is taken with its proof, and a token that is bound to nothing is not (S-14, T39)', async () => {
  const { app } = await load('bound.ts')
  const address = await listen(app as RequestListener, boundPort)
  const client = createCredentialClient({
    server: installation.issuer,
    audience: ORDERS_AUDIENCE,
    scope: 'orders:read',
    origins: [address],
    dpop: true,
    sources: [callbackSource(async () => cluster.issueToken(pod('reports', 'nightly')))],
  })
  cleanups.push(() => client.close())
  const stolen = (await client.token()).accessToken
  assert.equal((await fetch(`${address}/orders`, { headers: bearer(stolen) })).status, 401)
  assert.equal((await fetch(`${address}/orders`, { headers: bearer(await nightlyToken()) })).status, 401)
  assert.deepEqual(await (await client.fetch(`${address}/orders`)).json(), { bound: true })
})

/** The rows of a table of the page, by the first cell of its head. */
function tableOf(firstHead: string): readonly (readonly string[])[] {
  const lines = pageText.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${firstHead} |`))
  assert.notEqual(start, -1, firstHead)
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  )
}

test('how-to: every row of the table of refusals is what a caller gets, and what the log gets (V-21)', async () => {
  const issuer = createTestIssuer()
  const reports: RefusalReport[] = []
  const options: ProtectOptions = {
    ...issuer.verifierOptions(AUDIENCE),
    scopes: ['orders:read'],
    dpop: { origin: AUDIENCE },
    onRefusal: (report) => reports.push(report),
  }
  const handler = protect(options)(() => new Response('orders'))
  const { jwks: _, ...noKeys } = options as ProtectOptions & { readonly jwks: unknown }
  const withoutKeys = protect(noKeys as ProtectOptions)(() => new Response('orders'))
  const key = createDpopKey()
  const token = (changes: object = {}) => issuer.token({ audience: AUDIENCE, scopes: ['orders:read'], ...changes })
  const ask = (headers: HeaderFields, url = URL_OF_ORDERS, ask = handler) => ask(new Request(url, { headers }))
  const bound = token({ dpop: key })
  const proven = (url: string) => ({
    authorization: `DPoP ${bound}`,
    dpop: key.proof({ method: 'GET', url, accessToken: bound }),
  })
  const used = proven(URL_OF_ORDERS)
  assert.equal((await ask(used)).status, 200)
  const revoked = token()
  issuer.revoke(revoked)
  const requests: Readonly<Record<string, () => Promise<readonly Response[]>>> = {
    'no token, or another scheme': async () => [await ask({}), await ask({ authorization: 'Basic YTpi' })],
    'a token in the query, or a header that is none': async () => [
      await ask({}, `${URL_OF_ORDERS}?access_token=${token()}`),
      await ask({ authorization: 'Bearer' }),
    ],
    'a token that is forged, expired, or for another API': async () => [
      await ask(bearer(`${token().slice(0, -8)}AAAAAAAA`)),
      await ask(bearer(token({ expiresInSeconds: -60 }))),
      await ask(bearer(issuer.token({ audience: 'https://other.acme.example', scopes: ['orders:read'] }))),
    ],
    'a token that has been revoked': async () => [await ask(bearer(revoked))],
    'a token that is bound to a key, and no proof of it': async () => [await ask(bearer(bound))],
    'a DPoP proof that is wrong, or was used before': async () => [
      await ask(proven(`${AUDIENCE}/elsewhere`)),
      await ask(used),
    ],
    'a token without a scope of the route': async () => [await ask(bearer(token({ scopes: ['orders:readonly'] })))],
    'any token, while keys or revocations cannot be had': async () => {
      const keys = await ask(bearer(token()), URL_OF_ORDERS, withoutKeys)
      issuer.setRevocationsAvailable(false)
      const revocations = await ask(bearer(token()))
      issuer.setRevocationsAvailable(true)
      return [keys, revocations]
    },
  }
  const rows = tableOf('the request has')
  assert.deepEqual(
    rows.map(([label]) => label),
    Object.keys(requests),
  )
  for (const [label = '', status, error = '', log = ''] of rows) {
    reports.length = 0
    const answers = (await requests[label]?.()) ?? []
    for (const answer of answers) {
      const problem = (await answer.json()) as { code?: string }
      assert.deepEqual([String(answer.status), problem.code ?? 'none'], [status, error.replaceAll('`', '')], label)
      assert.equal(answer.headers.has('retry-after'), answer.status === 503, label)
    }
    const codes = [...new Set(reports.map(({ code }) => code))]
    assert.deepEqual(codes, log.replaceAll('`', '').split(', '), label)
  }
  assert.equal((await ask(bearer(token()))).status, 200)
})

test('how-to: the answer and the metadata document are those of the example (RFC 9728, RFC 9457)', async () => {
  const issuer = createTestIssuer()
  const verifier = createTokenVerifier(issuer.verifierOptions(AUDIENCE))
  const address = await listen(createApp({ verifier, issuer: 'https://sts.acme.example', audience: AUDIENCE }))
  const shown = page.find(({ language }) => language === 'http')?.text ?? assert.fail('the page shows no answer')
  const [head = '', body = ''] = shown.split('\n\n')
  const [statusLine, ...fields] = head.split('\n')
  const token = issuer.token({ audience: AUDIENCE, scopes: ['orders:deploy'] })
  const answer = await fetch(`${address}/orders`, { headers: bearer(token) })
  assert.equal(statusLine, `HTTP/1.1 ${answer.status} ${answer.statusText}`)
  for (const field of fields) {
    const [, name = '', value] = /^([^:]+): (.*)$/.exec(field) ?? []
    assert.equal(answer.headers.get(name), value, name)
  }
  assert.equal(await answer.text(), body.trim())

  const url = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '')?.[1] ?? ''
  const metadata = await fetch(url.replace(AUDIENCE, address))
  const document = page.find(({ language }) => language === 'json')?.text ?? ''
  assert.deepEqual(await metadata.json(), JSON.parse(document))
})

test('how-to: the table of events has each event with the level that the example logs it with', () => {
  const source = readFileSync(join(ROOT, EXAMPLE, 'server.ts'), 'utf8')
  const levels = [...source.matchAll(/^ {2}([a-z_]+): '(info|warn|error)',$/gm)].map(([, event, level]) => [
    event,
    level,
  ])
  const rows = tableOf('event').flatMap(([events = '', level]) =>
    events.split(', ').map((event) => [event.replaceAll('`', ''), level]),
  )
  assert.ok(rows.length >= 8)
  assert.deepEqual(rows.sort(), levels.sort())
})

interface Api {
  readonly address: string
  readonly child: ChildProcess
  log(): string
}

/** Starts the example as its README does. */
async function startApi(env: Readonly<Record<string, string>>): Promise<Api> {
  const child = spawn(process.execPath, ['--conditions=source', 'server.ts'], {
    cwd: join(ROOT, EXAMPLE),
    env: {
      PATH: process.env['PATH'] ?? '',
      ISSUER: installation.issuer,
      AUDIENCE: ORDERS_AUDIENCE,
      PORT: String(apiPort),
      COUNTERSIGN_PROOF_FILE: join(installation.directory, '.quickstart/jobs/orders-api.token'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  })
  cleanups.push(() => void child.kill('SIGKILL'))
  let log = ''
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk
  })
  const api = { address: `http://127.0.0.1:${apiPort}`, child, log: () => log }
  await until(
    () => printed.includes(`orders API on ${api.address}`),
    () => log,
  )
  await until(
    () => log.includes('"lease_gained"'),
    () => log,
  )
  return api
}

async function until(look: () => boolean, what: () => string): Promise<void> {
  for (let tries = 0; !look(); tries += 1) {
    assert.ok(tries < 1200, what())
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

async function paste(blocks: readonly Block[], section: RegExp): Promise<string> {
  const found = blocks.filter((block) => block.run && section.test(block.section))
  assert.notEqual(found.length, 0, `nothing to run in ${section}`)
  let output = ''
  for (const block of found) output += await reader.paste(block)
  return output
}

const SNAPSHOT = 'api-revocations.json'

test('how-to: the policy of the page lets the API follow', async () => {
  const { directory } = installation
  reader.write(page.find(({ title }) => title === 'policies/verifiers.yaml') ?? assert.fail('no policy'))
  assert.match(await paste(page, /Let the API follow/), /applied at revision/)
  await cluster.writeToken({
    ...pod('orders', 'orders-api'),
    path: join(directory, '.quickstart/jobs/orders-api.token'),
  })
})

test('orders-api-following: its README, from the first token to the revoked one', async () => {
  const { directory } = installation
  await cluster.writeToken({ ...pod('reports', 'nightly'), path: join(directory, '.quickstart/jobs/nightly.token') })
  const api = await startApi({})
  const output = await paste(readme, /The same API/)
  assert.match(output, /"orders":3/)
  assert.match(output, /"code":"invalid_token"/)
  assert.match(api.log(), /"token_revoked"/)
  api.child.kill('SIGTERM')
  await once(api.child, 'exit')
})

test('how-to: the API of the example follows with the policy of the page, and refuses what was revoked (invariant 7, R-10)', async () => {
  const { directory } = installation
  const api = await startApi({ SNAPSHOT_FILE: join(directory, SNAPSHOT) })
  const token = await nightlyToken()
  const read = async (sent = token) => (await fetch(`${api.address}/orders`, { headers: bearer(sent) })).status
  assert.deepEqual([await read(), await read('a.b.c')], [200, 401])

  const receipt = await paste(page, /See it end/)
  assert.match(receipt, /followers {2}1 of 1 confirmed/)
  assert.equal(await read(), 401)
  assert.match(api.log(), /"token_revoked"/)
  assert.doesNotMatch(api.log(), /eyJ/, 'no token in the log')
  assert.equal(await read(await nightlyToken()), 200, 'what is issued after it is not concerned')

  api.child.kill('SIGTERM')
  assert.deepEqual(await once(api.child, 'exit'), [0, null])
  const snapshot = JSON.parse(readFileSync(join(directory, SNAPSHOT), 'utf8')) as { entries: { kind: string }[] }
  assert.deepEqual(
    snapshot.entries.map(({ kind }) => kind),
    ['policy'],
  )
})

test('orders-api-following: its own tests pass, without a server', async () => {
  const child = spawn(process.execPath, ['--conditions=source', '--test', 'app.test.ts'], {
    cwd: join(ROOT, EXAMPLE),
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: 'ignore',
    timeout: 60_000,
  })
  assert.deepEqual(await once(child, 'exit'), [0, null])
})
