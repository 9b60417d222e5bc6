// Revocation against real servers, with a follower that is plain HTTP: leases, the feed, the stream, receipts, disabling.
// Two replicas where the engine has them: whatever happens on one is asked of the other.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TEST_ENGINE } from '../support/database.ts'
import { createInstallation, type HttpAnswer, type Installation, type Replica } from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'
import { documentsWithWorkloads, repositoryOf } from '../support/workloads.ts'

const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let one: Replica
let other: Replica
let management: string

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  management = `${installation.issuer}/v1`
  const onManagement = (...scopes: readonly string[]) => ({ service: 'countersign-management', scopes })
  const documents = documentsWithWorkloads(installation.proofs, [], {
    orders: { service: 'orders-api', scopes: ['orders:read', 'orders:write'] },
    verifier: onManagement('verify:orders-api'),
    'second-verifier': onManagement('verify:orders-api'),
    admin: onManagement('role:policy-admin'),
    keeper: onManagement('role:key-admin'),
    owner: onManagement('role:owner'),
  })
  writeFileSync(join(installation.directory, 'documents.yaml'), documents)
  one = await installation.addReplica()
  await one.start()
  await one.apply()
  other = one
  if (TEST_ENGINE === 'postgres') {
    other = await installation.addReplica()
    await other.start()
  }
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

async function tokenOf(workload: string, audience: string = management): Promise<string> {
  const proof = installation.proofs.sign({ repository_id: repositoryOf(workload) })
  const answer = await one.exchange(proof, { audience, scope: undefined })
  assert.equal(answer.status, 200, answer.text)
  return String(answer.json?.['access_token'])
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}

function post(replica: Replica, path: string, token: string, body: unknown): Promise<HttpAnswer> {
  return replica.request(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

const revoke = (token: string, body: Readonly<Record<string, unknown>>, replica = one) =>
  post(replica, '/v1/revocations', token, { reason: 'test', wait_seconds: 0, ...body })

/** A follower as the protocol has it, without any of our code. */
async function createFollower(workload = 'verifier') {
  const token = await tokenOf(workload)
  const instance = randomBytes(16).toString('base64url')
  let applied = 0
  let tag = ''
  const page = async (replica: Replica) => {
    const answer = await replica.request(`/v1/revocations?after=${applied}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(answer.status, 200, answer.text)
    return answer.json as { entries: { kind: string; value: string }[]; through: number; tag: string }
  }
  return {
    token,
    instance,
    position: () => ({ applied, tag }),
    page,
    async apply(replica: Replica) {
      const { entries, through, tag: newTag } = await page(replica)
      applied = through
      tag = newTag
      return entries
    },
    lease: (replica: Replica, change: Readonly<Record<string, unknown>> = {}) =>
      post(replica, `/v1/verifiers/${instance}/lease`, token, { service: 'orders-api', applied, tag, ...change }),
    end: (replica: Replica) =>
      replica.request(`/v1/verifiers/${instance}/lease`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      }),
  }
}

test('invariant 7: a follower that has not applied a revocation gets no lease, on any replica, and is in its receipt', async () => {
  const follower = await createFollower()
  await follower.apply(other)
  const granted = await follower.lease(other)
  assert.equal(granted.json?.['granted'], true, granted.text)
  const victim = await tokenOf('orders', ORDERS_AUDIENCE)
  const { jti } = claimsOf(victim)
  const receipt = await revoke(await tokenOf('admin'), { kind: 'jti', value: jti })
  assert.equal(receipt.status, 201, receipt.text)
  assert.equal(receipt.json?.['state'], 'pending')
  const followers = receipt.json?.['followers'] as { id: string }[]
  assert.equal(
    followers.some(({ id }) => id.endsWith(`/${follower.instance}`)),
    true,
  )
  for (const replica of [one, other]) {
    const refused = await follower.lease(replica)
    assert.equal(refused.json?.['granted'], false)
    assert.equal(refused.json?.['reason'], 'behind')
  }
  const entries = await follower.apply(other)
  assert.deepEqual(
    entries.map(({ kind, value }) => [kind, value]),
    [['jti', jti]],
  )
  assert.equal((await follower.lease(one)).json?.['granted'], true)
  const wait = await revoke(await tokenOf('admin'), {
    kind: 'jti',
    value: 'jti_forgotten',
    force: true,
    wait_seconds: 0,
  })
  assert.equal(wait.status, 201)
  const got = await one.request(`/v1/receipts/${String(receipt.json?.['id'])}`, {
    headers: { authorization: `Bearer ${await tokenOf('admin')}` },
  })
  const confirmed = ((got.json?.['followers'] ?? []) as { id: string; confirmed_at: string | null }[]).find(({ id }) =>
    id.endsWith(`/${follower.instance}`),
  )
  assert.notEqual(confirmed?.confirmed_at, null)
  await follower.end(one)
})

test('the stream brings a revocation of another replica within a second, and ends when its own reader is revoked', async () => {
  const follower = await createFollower('second-verifier')
  await follower.apply(other)
  const { applied } = follower.position()
  const response = await fetch(`${other.address}/v1/revocations?after=${applied}`, {
    headers: { authorization: `Bearer ${follower.token}`, accept: 'text/event-stream' },
  })
  assert.equal(response.status, 200)
  const lines = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  assert.ok(lines)
  const admin = await tokenOf('admin')
  await revoke(admin, { kind: 'subject', value: 'countersign://somebody', force: true })
  let text = ''
  while (!text.includes('countersign://somebody')) {
    const { done, value } = await lines.read()
    assert.equal(done, false)
    text += value ?? ''
  }
  const { jti } = claimsOf(follower.token)
  await revoke(admin, { kind: 'jti', value: jti })
  for (;;) {
    const { done, value } = await lines.read()
    if (done) break
    text += value ?? ''
  }
  assert.equal(text.includes(String(jti)), false, 'its own end is not for it')
  assert.equal((await follower.lease(other)).status, 401)
})

test('T25, V-20: revoke with disable ends what is out and what would come, both at once', async () => {
  const before = await tokenOf('orders', ORDERS_AUDIENCE)
  const { pol } = claimsOf(before)['cs'] as { pol: string }
  const admin = await tokenOf('admin')
  const receipt = await revoke(admin, { kind: 'policy', value: pol, disable: true, reason: 'compromised' })
  assert.equal(receipt.status, 201, receipt.text)
  const proof = installation.proofs.sign({ repository_id: repositoryOf('orders') })
  await other.follow(one)
  const denied = await other.exchange(proof, { audience: ORDERS_AUDIENCE, scope: undefined })
  assert.equal(denied.status, 400, 'nothing new is issued')
  const again = await revoke(admin, { kind: 'policy', value: pol, disable: true })
  assert.equal(again.status, 201, 'also where it is disabled already')
  const enabled = await post(one, `/v1/trust-policies/${pol}/enable`, admin, {})
  assert.equal(enabled.status, 200, enabled.text)
  await other.follow(one)
  const fresh = await tokenOf('orders', ORDERS_AUDIENCE)
  assert.notEqual(claimsOf(fresh)['jti'], claimsOf(before)['jti'])
})

test('invariant 10: disabling takes the write scope of the kind, a signing key that of keys; else nothing happens', async () => {
  const keeper = await tokenOf('keeper')
  const admin = await tokenOf('admin')
  const before = (await (await createFollower()).page(one)).through
  const attempts: readonly (readonly [string, Readonly<Record<string, unknown>>, number])[] = [
    [keeper, { kind: 'service', value: 'orders-api', disable: true }, 403],
    [admin, { kind: 'provider', value: 'github-acme', disable: true }, 403],
    [admin, { kind: 'subject', value: 's', disable: true }, 400],
    [admin, { kind: 'policy', value: 'no-such-policy' }, 404],
    [await tokenOf('verifier'), { kind: 'subject', value: 's' }, 403],
  ]
  for (const [token, body, status] of attempts) {
    const answer = await revoke(token, body)
    assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`)
  }
  const kid = String(JSON.parse(Buffer.from(admin.split('.')[0] ?? '', 'base64url').toString()).kid)
  assert.equal((await revoke(admin, { kind: 'signing_key', value: kid })).status, 403)
  const follower = await createFollower()
  assert.equal((await follower.page(one)).through, before, 'no revision was taken')
})

test('a server that stops ends its streams at once and gracefully', {
  skip: TEST_ENGINE === 'embedded' && 'the server is needed',
}, async () => {
  const follower = await createFollower()
  const response = await fetch(`${other.address}/v1/revocations`, {
    headers: { authorization: `Bearer ${follower.token}`, accept: 'text/event-stream' },
  })
  const reader = response.body?.getReader()
  assert.ok(reader)
  await reader.read()
  const stopping = other.stop()
  while (!(await reader.read()).done);
  assert.equal((await stopping).exit, 0)
  await other.start()
})

test('G-07: a signing key revoked over it leaves the key set, its tokens are refused, another one signs', async () => {
  const keeper = await tokenOf('keeper')
  const kid = String(JSON.parse(Buffer.from(keeper.split('.')[0] ?? '', 'base64url').toString()).kid)
  const receipt = await revoke(keeper, { kind: 'signing_key', value: kid, reason: 'copied' })
  assert.equal(receipt.status, 201, receipt.text)
  const jwks = await one.request('/.well-known/jwks.json')
  assert.equal(
    ((jwks.json?.['keys'] ?? []) as { kid: string }[]).some((key) => key.kid === kid),
    false,
  )
  const refused = await one.request('/v1/whoami', { headers: { authorization: `Bearer ${keeper}` } })
  assert.equal(refused.status, 401)
  const fresh = await tokenOf('verifier')
  assert.equal((await one.request('/v1/whoami', { headers: { authorization: `Bearer ${fresh}` } })).status, 200)
})

test('T23: everything before now ends every token of the installation, and new ones are good', async () => {
  const owner = await tokenOf('owner')
  const verifier = await tokenOf('verifier')
  const receipt = await revoke(owner, { kind: 'issued_before', value: 'now' })
  assert.equal(receipt.status, 201, receipt.text)
  await other.follow(one)
  for (const replica of [one, other]) {
    for (const token of [owner, verifier]) {
      const answer = await replica.request('/v1/whoami', { headers: { authorization: `Bearer ${token}` } })
      assert.equal(answer.status, 401)
    }
  }
  const fresh = await tokenOf('verifier')
  assert.equal((await one.request('/v1/whoami', { headers: { authorization: `Bearer ${fresh}` } })).status, 200)
})
