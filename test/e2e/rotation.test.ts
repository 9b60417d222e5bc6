// Signing keys rotate under load, and no verifier ever refuses a token for it (G-02, G-03, G-05, R-11). Time is short: keys sign for seconds,
// the key set may be cached for half of the time that a key is published ahead, and the SDK's clock for its 10 minutes runs faster.
import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createRemoteKeySet, createTokenVerifier, type JsonObject, type TokenVerifier } from '@countersign/sdk'
import { TEST_ENGINE } from '../support/database.ts'
import { createInstallation, type Installation, type Replica } from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'

const PUBLISH_AHEAD_SECONDS = 2
const ACTIVE_SECONDS = 3
const ROTATIONS = Number(process.env['COUNTERSIGN_ROTATIONS'] ?? 20)
const CLIENTS = 6
/** Tokens that are verified again and again, those of retired keys among them. */
const REMEMBERED = 200
/** The SDK keeps a key set for 10 minutes: as long as the answer of the server lets others keep it, in this test. */
const SDK_FRESH_SECONDS = 600

/** An SDK verifier that fetches the key set itself, by discovery. */
function createSdkVerifier(issuer: string): TokenVerifier {
  const startedAt = Date.now()
  const speed = SDK_FRESH_SECONDS / (PUBLISH_AHEAD_SECONDS / 2)
  const keys = createRemoteKeySet({
    issuer,
    allowLoopbackHttp: true,
    allowPrivateNetwork: true,
    now: () => new Date(startedAt + (Date.now() - startedAt) * speed),
  })
  return createTokenVerifier({ issuer, audience: ORDERS_AUDIENCE, keys })
}

/** Any other JWT library: keeps the key set for as long as Cache-Control says, and never asks sooner for an unknown key. */
function createForeignVerifier({ issuer }: Installation, server: Replica): Pick<TokenVerifier, 'verify'> {
  let loading: Promise<TokenVerifier> | undefined
  let staleAt = 0
  return {
    async verify(token) {
      if (!loading || Date.now() >= staleAt) {
        const askedAt = Date.now()
        staleAt = Number.POSITIVE_INFINITY
        loading = server.request('/.well-known/jwks.json').then(({ headers, json }) => {
          const maxAge = /max-age=(\d+)/.exec(headers.get('cache-control') ?? '')?.[1]
          assert.ok(maxAge !== undefined && Number(maxAge) * 2 <= PUBLISH_AHEAD_SECONDS, `max-age ${maxAge}`)
          staleAt = askedAt + Number(maxAge) * 1_000
          return createTokenVerifier({ issuer, audience: ORDERS_AUDIENCE, jwks: json as JsonObject })
        })
      }
      return (await loading).verify(token)
    },
  }
}

test(`G-03: ${ROTATIONS} rotations under load, and every token verifies everywhere`, {
  timeout: 300_000,
}, async (t) => {
  const installation = await createInstallation(t, {
    config: { signing: { publishAhead: `${PUBLISH_AHEAD_SECONDS}s`, activeFor: `${ACTIVE_SECONDS}s` } },
  })
  const replicas: Replica[] = [await installation.addReplica()]
  if (TEST_ENGINE === 'postgres') replicas.push(await installation.addReplica())
  await Promise.all(replicas.map((replica) => replica.start()))
  const [first] = replicas
  assert.ok(first)
  await first.apply()
  for (const replica of replicas) await replica.follow(first)

  const verifiers = [
    createSdkVerifier(installation.issuer),
    createSdkVerifier(installation.issuer),
    createForeignVerifier(installation, first),
  ]
  const kids = new Set<string>()
  const remembered: string[] = []
  const failures: string[] = []
  let verified = 0
  const verify = async (token: string): Promise<void> => {
    for (const [index, verifier] of verifiers.entries()) {
      await verifier.verify(token).then(
        ({ header }) => kids.add(String(header.kid)),
        (error: unknown) => failures.push(`verifier ${index}: ${String(error)}`),
      )
      verified += 1
    }
  }
  const deadline = Date.now() + 240_000
  let turn = 0
  const client = async (): Promise<void> => {
    while (kids.size <= ROTATIONS && Date.now() < deadline && failures.length === 0) {
      turn += 1
      const replica = replicas[turn % replicas.length]
      assert.ok(replica)
      const answer = await replica.exchange(installation.proofs.sign())
      assert.equal(answer.status, 200, answer.text)
      const token = String(answer.json?.['access_token'])
      // At once, and again and again: also when its key has long been retired.
      await verify(token)
      if (remembered.length < REMEMBERED) remembered.push(token)
      else if (turn % 20 === 0) remembered[turn % REMEMBERED] = token
      const earlier = remembered[turn % remembered.length]
      if (earlier !== undefined) await verify(earlier)
      await pause(5)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  for (const token of remembered) await verify(token)
  assert.deepEqual(failures, [])
  assert.ok(kids.size > ROTATIONS, `only ${kids.size} keys signed`)
  assert.ok(verified > 1_000)

  // One active key, and each change of state is in the log.
  const { items } = await first.cliJson('signing-keys', 'list')
  const keys = (items as { kid: string; state: string; purpose: string }[]).filter(
    ({ purpose }) => purpose === 'access_token',
  )
  assert.equal(keys.filter(({ state }) => state === 'active').length, 1)
  for (const kid of kids) assert.ok(keys.some((key) => key.kid === kid && ['active', 'retired'].includes(key.state)))
  const activated = await first.cliJson('events', 'list', '--filter', 'kind=signing_key.activated', '--limit', '1000')
  const logged = (activated['items'] as { data: { kid: string } }[]).map(({ data }) => data.kid)
  for (const kid of kids) assert.ok(logged.includes(kid))
  t.diagnostic(`${kids.size} keys, ${verified} verifications, ${turn} tokens`)
})
