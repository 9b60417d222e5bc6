// Revocation reaches verifiers in other processes (V-20, R-10, invariant 7): followers in this process, real servers, real tokens. On
// PostgreSQL one replica revokes and the followers hang on the other; the embedded store has one server.
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { callbackSource, createCredentialClient } from '../../packages/sdk/src/credentials/index.ts'
import { createFollower, type Follower, type FollowerEvent } from '../../packages/sdk/src/follow/index.ts'
import { createTokenVerifier, isCountersignError, type TokenVerifier } from '../../packages/sdk/src/verify/index.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { cleanUp, TEST_ENGINE } from '../support/database.ts'
import { findFreePort } from '../support/free-port.ts'
import {
  createInstallation,
  type Installation,
  type InstallationOptions,
  type Replica,
} from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'

const LIMIT = { timeout: 240_000 }
const MAX_STALE_SECONDS = 5

/** The deploy job may also verify tokens of the orders API, whose verifiers may be 5 seconds behind. */
const VERIFY_POLICY = `---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: verify-orders, owner: team:platform, purpose: verifies tokens of the orders API, environment: production, reviewBy: 2099-05-01 }
spec:
  provider: github-acme
  match:
    repository_owner_id: "123456"
    repository_id: "456789"
    ref: refs/heads/main
    environment: production
    job_workflow_ref: acme/orders/.github/workflows/deploy.yml@refs/heads/main
    event_name: { in: [push] }
  grant: { service: countersign-management, scopes: ["verify:orders-api"], ttl: 15m }
  crossEnvironment: true
  mode: enforce
`

interface Verifying {
  readonly verifier: TokenVerifier
  readonly follower: Follower
  readonly events: FollowerEvent[]
}

async function start(
  t: TestContext,
  options: InstallationOptions = {},
): Promise<{ installation: Installation; replicas: Replica[] }> {
  const installation = await createInstallation(t, options)
  const file = join(installation.directory, 'documents.yaml')
  const scopes = 'scopes: [orders:read, orders:write, orders:deploy]'
  const text = readFileSync(file, 'utf8')
  assert.ok(text.includes(scopes))
  writeFileSync(file, text.replace(scopes, `${scopes}\n  verification: { maxStale: ${MAX_STALE_SECONDS}s }`))
  appendFileSync(file, VERIFY_POLICY)
  const first = await installation.addReplica()
  const replicas = [first]
  if (TEST_ENGINE === 'postgres' && options.config === undefined) replicas.push(await installation.addReplica())
  await Promise.all(replicas.map((replica) => replica.start()))
  await first.apply()
  for (const replica of replicas) await replica.follow(first)
  return { installation, replicas }
}

/** A verifier whose follower talks to this address. */
async function verifyThrough(t: TestContext, installation: Installation, address: string): Promise<Verifying> {
  const events: FollowerEvent[] = []
  const credentials = createCredentialClient({
    server: installation.issuer,
    audience: `${installation.issuer}/v1`,
    scope: 'verify:orders-api',
    sources: [callbackSource(async () => installation.proofs.sign())],
    proofAudience: installation.proofs.audience,
  })
  const follower = createFollower({
    server: address,
    service: 'orders-api',
    credentials,
    onEvent: (event) => events.push(event),
  })
  const verifier = createTokenVerifier({
    issuer: installation.issuer,
    audience: ORDERS_AUDIENCE,
    remote: { allowLoopbackHttp: true },
    cache: true,
    revocations: follower,
  })
  cleanUp(t, async () => {
    await follower.close()
    verifier.close()
    credentials.close()
  })
  await follower.ready({ timeoutMs: 20_000 }).catch((error: unknown) => {
    throw new Error(`the follower got no lease: ${JSON.stringify(events)}`, { cause: error })
  })
  return { verifier, follower, events }
}

async function issueToken(installation: Installation, replica: Replica): Promise<string> {
  const answer = await replica.exchange(installation.proofs.sign())
  assert.equal(answer.status, 200, answer.text)
  return String(answer.json?.['access_token'])
}

function jtiOf(token: string): string {
  const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }
  return payload.jti
}

type Verdict = 'accepted' | 'revoked' | 'unavailable'

async function verdictOf(verifier: TokenVerifier, token: string): Promise<Verdict> {
  try {
    await verifier.verify(token)
    return 'accepted'
  } catch (error) {
    if (isCountersignError(error, 'token_revoked')) return 'revoked'
    if (isCountersignError(error, 'revocation_unavailable')) return 'unavailable'
    throw error
  }
}

/** Uses a token without pause until told to stop; `lastAcceptedAt` is from before the verification. */
function useContinuously(verifier: TokenVerifier, token: string) {
  const use = { lastAcceptedAt: 0, last: 'accepted' as Verdict, stop: async () => {} }
  let running = true
  const loop = (async () => {
    while (running) {
      const at = Date.now()
      use.last = await verdictOf(verifier, token)
      if (use.last === 'accepted') use.lastAcceptedAt = at
      await pause(2)
    }
  })()
  use.stop = async () => {
    running = false
    await loop
  }
  return use
}

async function until(look: () => boolean | Promise<boolean>, what: string, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await look())) {
    assert.ok(Date.now() < deadline, `it never happened: ${what}`)
    await pause(20)
  }
}

/** Revokes over the local socket of a replica; the receipt. */
function revoke(replica: Replica, kind: string, value: string): Promise<Readonly<Record<string, unknown>>> {
  return replica.cliJson('revoke', kind, value, '--reason', 'test')
}

test(
  'R-10, V-20: what is revoked on one server is refused by the verifiers of every server within the bound of the receipt',
  LIMIT,
  async (t) => {
    const { installation, replicas } = await start(t)
    const first = replicas[0]
    const last = replicas.at(-1)
    assert.ok(first && last)
    const verifying = await Promise.all([first, last].map((replica) => verifyThrough(t, installation, replica.address)))

    for (const [kind, nameOf] of [
      ['jti', jtiOf],
      ['policy', () => 'deploy-orders'],
    ] as const) {
      const token = await issueToken(installation, first)
      const other: string = await issueToken(installation, last)
      const uses = verifying.map(({ verifier }) => useContinuously(verifier, token))
      await until(() => uses.every(({ lastAcceptedAt }) => lastAcceptedAt > 0), `${kind}: the token is accepted`)
      const receipt = await revoke(first, kind, nameOf(token))
      await until(() => uses.every((use) => use.last === 'revoked'), `${kind}: the token is refused`)
      await Promise.all(uses.map((use) => use.stop()))
      const effectiveAt = Date.parse(String(receipt['effective_everywhere_at']))
      for (const { lastAcceptedAt } of uses)
        assert.ok(lastAcceptedAt <= effectiveAt, `${lastAcceptedAt} > ${effectiveAt}`)
      const followers = receipt['followers'] as { id: string; confirmed_at: string | null }[]
      for (const { follower } of verifying) {
        const row = followers.find(({ id }) => id.endsWith(`/${follower.state().instance}`))
        assert.ok(row, `${kind}: the receipt names each follower`)
      }
      for (const { verifier } of verifying) {
        assert.equal(await verdictOf(verifier, other), kind === 'jti' ? 'accepted' : 'revoked')
      }
    }
  },
)

test(
  'invariant 7: kill -9 of the server: verified within the lease, refused after it, and again by itself',
  LIMIT,
  async (t) => {
    const { installation, replicas } = await start(t)
    const [first] = replicas
    const victim = replicas.at(-1)
    assert.ok(first && victim)
    const { verifier, follower, events } = await verifyThrough(t, installation, victim.address)
    const token = await issueToken(installation, first)
    assert.equal(await verdictOf(verifier, token), 'accepted')

    await victim.kill()
    assert.equal(await verdictOf(verifier, token), 'accepted')
    const use = useContinuously(verifier, token)
    // The other replica revokes while this follower can hear nothing of it.
    const receipt = victim === first ? undefined : await revoke(first, 'jti', jtiOf(token))
    await until(() => use.last === 'unavailable', 'without a lease nothing is accepted')
    await use.stop()
    if (receipt) {
      const effectiveAt = Date.parse(String(receipt['effective_everywhere_at']))
      assert.ok(use.lastAcceptedAt <= effectiveAt, `${use.lastAcceptedAt} > ${effectiveAt}`)
    }

    await victim.start()
    await until(() => follower.state().holdsLease, 'a lease is held again')
    await until(() => follower.state().streaming, 'the stream is open again')
    assert.ok(events.some(({ type }) => type === 'lease_lost'))
    assert.equal(await verdictOf(verifier, token), receipt ? 'revoked' : 'accepted')
    if (!receipt) {
      await revoke(first, 'jti', jtiOf(token))
      await until(async () => (await verdictOf(verifier, token)) === 'revoked', 'the token is refused')
    }
  },
)

for (const fault of ['cut', 'silent'] as const) {
  test(
    `invariant 7: an event stream that is ${fault}: refused within the bound of the receipt all the same`,
    LIMIT,
    async (t) => {
      const port = await findFreePort()
      const { installation, replicas } = await start(t, { config: { http: { allowedHosts: [`127.0.0.1:${port}`] } } })
      const [server] = replicas
      assert.ok(server)
      const proxy = await startCuttingProxy(t, { port, targetPort: Number(new URL(server.address).port) })
      proxy.fault = fault
      const { verifier } = await verifyThrough(t, installation, proxy.address)
      await until(() => proxy.streams > 0, 'a stream was begun')
      const token = await issueToken(installation, server)
      const use = useContinuously(verifier, token)
      await until(() => use.lastAcceptedAt > 0, 'the token is accepted')
      const receipt = await revoke(server, 'jti', jtiOf(token))
      await until(() => use.last === 'revoked', 'the token is refused')
      await use.stop()
      const effectiveAt = Date.parse(String(receipt['effective_everywhere_at']))
      assert.ok(use.lastAcceptedAt <= effectiveAt, `${use.lastAcceptedAt} > ${effectiveAt}`)
    },
  )
}

test('a workload without the scope verify:SERVICE is no follower', LIMIT, async (t) => {
  const { installation, replicas } = await start(t)
  const [server] = replicas
  assert.ok(server)
  const events: FollowerEvent[] = []
  const follower = createFollower({
    server: server.address,
    service: 'orders-api',
    credentials: {
      // A token of ours, for another audience.
      token: async () => ({
        accessToken: await issueToken(installation, server),
        tokenType: 'Bearer',
        expiresAt: new Date(Date.now() + 600_000),
        lifetimeSeconds: 600,
        scopes: [],
      }),
    },
    onEvent: (event) => events.push(event),
  })
  cleanUp(t, () => follower.close())
  await until(() => events.some(({ type }) => type === 'renewal_failed'), 'the lease is refused')
  const failed = events.find((event) => event.type === 'renewal_failed')
  assert.ok(failed?.status === 401 || failed?.status === 403, JSON.stringify(failed))
  assert.equal(follower.state().holdsLease, false)
})
