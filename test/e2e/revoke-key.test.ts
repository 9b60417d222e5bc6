// The emergency (G-07, R-11): a signing key is revoked in one command while tokens are issued and verified. Only tokens of that key
// fail, at verifiers that follow within the bound that the receipt states, and nobody else notices.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  createRemoteKeySet,
  createTokenVerifier,
  isCountersignError,
  type JsonObject,
  type TokenVerifier,
} from '@countersign/sdk'
import { createFollower, type Follower } from '../../packages/sdk/src/follow/index.ts'
import { cleanUp, TEST_ENGINE, type TestScope } from '../support/database.ts'
import { createInstallation, type Installation, type Replica } from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'
import { documentsWithWorkloads, repositoryOf } from '../support/workloads.ts'

const CLIENTS = 6
const BEFORE_MS = 4_000
const AFTER_MS = 4_000
/** Verifiers keep a key set for 10 minutes, and ask again for an unknown key once in 30 seconds; their clock runs so much faster. */
const SPEED = 20

interface Verification {
  readonly kid: string
  readonly startedAt: number
  /** Undefined: accepted. */
  readonly refusal: string | undefined
}

interface Receipt {
  readonly id: string
  readonly state: string
  readonly kind: string
  readonly value: string
  readonly effective_everywhere_at: string
  readonly followers: readonly { readonly confirmed_at: string | null; readonly lease_until: string }[]
}

const kidOf = (token: string) =>
  String((JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid)

async function tokenFrom(replica: Replica, proof: string, audience: string): Promise<string> {
  const answer = await replica.exchange(proof, { audience, scope: undefined })
  assert.equal(answer.status, 200, answer.text)
  return String(answer.json?.['access_token'])
}

async function createFollowing(t: TestScope, installation: Installation, replica: Replica): Promise<Follower> {
  const follower = createFollower({
    server: replica.address,
    service: 'orders-api',
    credentials: {
      async token() {
        const proof = installation.proofs.sign({ repository_id: repositoryOf('verifier') })
        const accessToken = await tokenFrom(replica, proof, `${installation.issuer}/v1`)
        const expiresAt = new Date(Date.now() + 300_000)
        return { accessToken, tokenType: 'Bearer', expiresAt, lifetimeSeconds: 300, scopes: ['verify:orders-api'] }
      },
    },
  })
  cleanUp(t, () => follower.close())
  await follower.ready({ timeoutMs: 30_000 })
  return follower
}

function createVerifier({ issuer }: Installation, follower: Follower): TokenVerifier {
  const startedAt = Date.now()
  const keys = createRemoteKeySet({
    issuer,
    allowLoopbackHttp: true,
    allowPrivateNetwork: true,
    now: () => new Date(startedAt + (Date.now() - startedAt) * SPEED),
  })
  return createTokenVerifier({ issuer, audience: ORDERS_AUDIENCE, keys, revocations: follower })
}

test('G-07: a key revoked under load: only its tokens fail, at followers once the receipt says so', {
  timeout: 180_000,
}, async (t) => {
  const installation = await createInstallation(t)
  const documents = documentsWithWorkloads(installation.proofs, [], {
    orders: { service: 'orders-api', scopes: ['orders:read'] },
    verifier: { service: 'countersign-management', scopes: ['verify:orders-api'] },
  })
  writeFileSync(join(installation.directory, 'documents.yaml'), documents)
  const replicas: Replica[] = [await installation.addReplica()]
  if (TEST_ENGINE === 'postgres') replicas.push(await installation.addReplica())
  await Promise.all(replicas.map((replica) => replica.start()))
  const [first] = replicas
  assert.ok(first)
  await first.apply()
  for (const replica of replicas) await replica.follow(first)
  const followers: Follower[] = []
  for (const replica of replicas) followers.push(await createFollowing(t, installation, replica))
  const verifiers = followers.map((follower) => createVerifier(installation, follower))
  // Whoever keeps a key set for ever knows the revoked key for ever: there the revocation itself must refuse.
  const { json: jwks } = await first.request('/.well-known/jwks.json')
  const { issuer } = installation
  const pinned = followers.map((revocations) =>
    createTokenVerifier({ issuer, audience: ORDERS_AUDIENCE, jwks: jwks as JsonObject, revocations }),
  )

  const seen: Verification[] = []
  const remembered: string[] = []
  let stopping = false
  let turn = 0
  const verify = async (token: string): Promise<void> => {
    for (const verifier of verifiers) {
      const startedAt = Date.now()
      const refusal = await verifier.verify(token).then(
        () => undefined,
        (error: unknown) => (isCountersignError(error) ? error.code : String(error)),
      )
      seen.push({ kid: kidOf(token), startedAt, refusal })
    }
  }
  const client = async (): Promise<void> => {
    while (!stopping) {
      turn += 1
      const replica = replicas[turn % replicas.length]
      assert.ok(replica)
      const token = await tokenFrom(
        replica,
        installation.proofs.sign({ repository_id: repositoryOf('orders') }),
        ORDERS_AUDIENCE,
      )
      await verify(token)
      if (remembered.length < 200) remembered.push(token)
      const earlier = remembered[turn % remembered.length]
      if (earlier !== undefined) await verify(earlier)
      await pause(5)
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  await pause(BEFORE_MS)
  const { items } = await first.cliJson('signing-keys', 'list')
  const revoked = (items as { kid: string; state: string; purpose: string }[]).find(
    ({ purpose, state }) => purpose === 'access_token' && state === 'active',
  )?.kid
  assert.ok(revoked)
  assert.deepEqual(
    seen.filter(({ refusal }) => refusal !== undefined),
    [],
    'nothing fails before',
  )

  const line = ['signing-keys', 'revoke', revoked, '--reason', 'leaked', '--yes', '--wait', '30s']
  const done = await first.cli(...line, '--out-file', join(installation.directory, 'receipt.json'))
  assert.equal(done.exit, 0, done.stderr)
  const receipt = JSON.parse(readFileSync(join(installation.directory, 'receipt.json'), 'utf8')) as Receipt
  assert.deepEqual([receipt.kind, receipt.value], ['signing_key', revoked])
  assert.ok(receipt.followers.length >= verifiers.length)
  assert.equal(receipt.state, 'final')
  const outstanding = receipt.followers.filter((follower) => follower.confirmed_at === null)
  const boundAt = Math.max(Date.now(), ...outstanding.map((follower) => Date.parse(follower.lease_until)))

  await pause(AFTER_MS)
  stopping = true
  await clients
  for (const token of remembered) await verify(token)

  const failed = seen.filter(({ refusal }) => refusal !== undefined)
  assert.deepEqual(
    failed.filter(({ kid }) => kid !== revoked),
    [],
    'only tokens of the revoked key fail',
  )
  for (const { refusal } of failed) assert.ok(refusal === 'token_revoked' || refusal === 'key_unknown', refusal)
  assert.deepEqual(
    seen.filter(({ kid, startedAt, refusal }) => kid === revoked && startedAt > boundAt && refusal === undefined),
    [],
    'a token of the revoked key was accepted after the bound',
  )
  const ofRevoked = remembered.filter((token) => kidOf(token) === revoked)
  assert.ok(ofRevoked.length > 0)
  for (const verifier of pinned) {
    for (const token of ofRevoked) {
      await assert.rejects(
        verifier.verify(token),
        (error) => isCountersignError(error) && error.code === 'token_revoked',
      )
    }
  }
  const replacement = new Set(seen.filter(({ refusal }) => refusal === undefined).map(({ kid }) => kid))
  assert.ok(replacement.size === 2, 'tokens of the new key are accepted')

  // Out of the key set, everywhere; and the server itself refuses what its revoked key signed.
  for (const replica of replicas) {
    const { text } = await replica.request('/.well-known/jwks.json')
    assert.ok(!text.includes(revoked))
  }
  const again = await first.cli('signing-keys', 'revoke', revoked, '--reason', 'leaked', '--yes')
  assert.equal(again.exit, 5, again.stderr)

  // G-06: every signature of both keys is accounted for.
  for (;;) {
    const uses = await first.cliJson('signing-keys', 'uses')
    if (uses['reconciled'] !== true) {
      await pause(200)
      continue
    }
    assert.equal(uses['issuances'], Number(uses['signed']) + Number(uses['unsigned']))
    assert.deepEqual(new Set((uses['keys'] as { kid: string }[]).map(({ kid }) => kid)), replacement.add(revoked))
    break
  }
  const within = failed.filter(({ startedAt }) => startedAt <= boundAt).length
  t.diagnostic(
    `${turn} tokens, ${seen.length} verifications, ${failed.length} refused, ${within} of them before the bound`,
  )
})
