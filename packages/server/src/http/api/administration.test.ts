// The management API over the real administration on a real database: what the in-memory tests cannot show.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { apiDependencies, ISSUER, tokenFor } from '../../../../../test/support/api.ts'
import {
  ADMIN_POLICY,
  ALL,
  changed,
  openAdministration,
  POLICY,
  PROVIDER,
  SERVICE,
  TEAM,
} from '../../admin/administration.test-support.ts'
import { createIdempotency, KINDS } from '../../admin/index.ts'
import { createApp } from '../app.ts'
import { createApiRoutes } from './index.ts'

type Json = Record<string, unknown>

interface Answer {
  readonly status: number
  readonly body: Json
  readonly headers: Headers
}

async function openApi(context: TestContext) {
  const real = await openAdministration(context)
  const logged: unknown[] = []
  const app = createApp({
    now: real.now,
    log: { error: (fields) => logged.push(fields) },
    issuer: ISSUER,
    routes: createApiRoutes(
      apiDependencies({
        now: real.now,
        administration: real.administration,
        events: real.eventLog,
        idempotency: createIdempotency({ database: real.database, now: real.now }),
      }),
    ),
  })
  /** Over the local socket unless a token is given. */
  async function send(
    method: string,
    path: string,
    body?: unknown,
    options: { token?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await app.request(
      path,
      {
        method,
        headers: {
          ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      { listener: options.token === undefined ? 'local-socket' : 'tcp' },
    )
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Json), headers: response.headers }
  }
  async function applied(documents: readonly unknown[] = ALL) {
    const plan = await send('POST', '/v1/diff', { documents })
    assert.equal(plan.status, 200, JSON.stringify(plan.body))
    const answer = await send('POST', '/v1/apply', { documents, allow_widening: plan.body.hash })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  return { ...real, send, applied, logged }
}

const names = (answer: Answer) => (answer.body.items as { name: string }[]).map(({ name }) => name)

describe('sets on a real database', () => {
  test('diff names the widening, apply without its hash is refused and changes nothing', async (context) => {
    const { send, exported, events } = await openApi(context)
    const plan = await send('POST', '/v1/diff', { documents: ALL })
    assert.equal(plan.body.widens, true)
    const before = (await events()).length
    const refused = await send('POST', '/v1/apply', { documents: ALL })
    assert.equal(refused.status, 409)
    assert.equal(refused.body.code, 'widening_refused')
    assert.deepEqual(await exported(), [])
    assert.equal((await events()).length, before)
  })
  test('apply does all of it, with an event for each change; the same set again changes nothing', async (context) => {
    const { send, applied, events } = await openApi(context)
    const first = await applied()
    assert.equal(first.applied, true)
    const { changes } = first.plan as { changes: { action: string }[] }
    assert.deepEqual(
      changes.map(({ action }) => action),
      ['create', 'create', 'create', 'create'],
    )
    assert.ok((await events()).length >= 4)
    const again = await send('POST', '/v1/diff', { documents: ALL })
    assert.equal(again.body.widens, false)
    const { documents } = (await send('GET', '/v1/export')).body as { documents: Json[] }
    assert.equal(documents.length, 4)
    assert.equal((await send('POST', '/v1/apply', { documents })).status, 200)
  })
  test('one faulty document refuses the whole set, each fault with its pointer and fix', async (context) => {
    const { send, exported } = await openApi(context)
    const documents = [TEAM, PROVIDER, SERVICE, changed(POLICY, { 'spec.grant.scopes': ['orders:unknown'] })]
    const answer = await send('POST', '/v1/apply', { documents })
    assert.equal(answer.status, 400)
    const errors = answer.body.errors as { pointer: string; fix: string }[]
    assert.ok(errors.length >= 1 && errors.every(({ pointer, fix }) => pointer.startsWith('/') && fix.length > 0))
    assert.deepEqual(await exported(), [])
  })
  test('anything instead of documents is a plan with faults or a validation failure, never more', async (context) => {
    const { send, exported, logged } = await openApi(context)
    for (const documents of [
      [null],
      [1, 'x'],
      [[]],
      [{}],
      [{ kind: 'Nothing' }],
      [{ ...TEAM, apiVersion: 'v9' }],
      [TEAM, TEAM],
    ]) {
      for (const path of ['/v1/diff', '/v1/apply', '/v1/lint']) {
        const answer = await send('POST', path, { documents })
        assert.ok(answer.status < 500, `${path} ${JSON.stringify(documents)}: ${JSON.stringify(answer.body)}`)
        if (path === '/v1/apply') assert.notEqual(answer.status, 200)
        else if (answer.status === 200) assert.ok((answer.body.problems as unknown[]).length > 0)
      }
    }
    assert.deepEqual(await exported(), [])
    assert.deepEqual(logged, [])
  })
  test('a dry run tells what would happen and does nothing', async (context) => {
    const { send, exported } = await openApi(context)
    const { body } = await send('POST', '/v1/diff', { documents: ALL })
    const dry = await send('POST', '/v1/apply', { documents: ALL, allow_widening: body.hash, dry_run: true })
    assert.equal(dry.body.applied, false)
    assert.deepEqual(await exported(), [])
  })
})

describe('single resources on a real database', () => {
  test('create, list, replace, patch, disable, delete and restore a service', async (context) => {
    const { send, applied } = await openApi(context)
    await applied([TEAM])
    const created = await send('POST', '/v1/services', { document: SERVICE })
    assert.equal(created.status, 201, JSON.stringify(created.body))
    const path = created.headers.get('location') ?? ''
    assert.equal(path, `/v1/services/${created.body.id}`)
    assert.equal((await send('POST', '/v1/services', { document: SERVICE })).status, 409)
    assert.deepEqual(names(await send('GET', '/v1/services')), ['orders-api'])
    assert.deepEqual(names(await send('GET', '/v1/services?owner=team:orders')), ['orders-api'])
    assert.deepEqual(names(await send('GET', '/v1/services?owner=team:other')), [])
    assert.equal((await send('GET', '/v1/services/orders-api')).body.id, created.body.id)

    const etag = created.headers.get('etag') ?? ''
    const purpose = (text: string) => ({ document: changed(SERVICE, { 'metadata.purpose': text }) })
    const replaced = await send('PUT', path, purpose('one'), { headers: { 'if-match': etag } })
    assert.equal(replaced.status, 200, JSON.stringify(replaced.body))
    assert.notEqual(replaced.headers.get('etag'), etag)
    assert.equal((await send('PUT', path, purpose('two'), { headers: { 'if-match': etag } })).status, 412)
    assert.equal((await send('DELETE', path, undefined, { headers: { 'if-match': etag } })).status, 412)

    const patched = await send('PATCH', path, { document: { metadata: { purpose: 'three' } } })
    assert.deepEqual(patched.body.document, changed(SERVICE, { 'metadata.purpose': 'three' }))
    const renamed = await send('PATCH', path, { document: { metadata: { name: 'other' } } })
    assert.equal(renamed.status, 400)

    assert.equal((await send('POST', `${path}/disable`)).body.enabled, false)
    assert.equal((await send('POST', `${path}/enable`)).body.enabled, true)
    assert.equal((await send('DELETE', path)).status, 204)
    assert.equal((await send('GET', path)).status, 404)
    const restored = await send('POST', `${path}/restore`)
    assert.equal(restored.status, 200, JSON.stringify(restored.body))
    assert.deepEqual(restored.body.document, patched.body.document)
  })
  test('what is in use cannot be deleted: 409, and it is still there', async (context) => {
    const { send, applied } = await openApi(context)
    await applied()
    for (const path of ['/v1/services/orders-api', '/v1/trust-providers/github-acme', '/v1/teams/orders']) {
      const answer = await send('DELETE', path)
      assert.equal(answer.status, 409, JSON.stringify(answer.body))
      assert.equal((await send('GET', path)).status, 200)
    }
  })
  test('a policy whose tests fail is refused as such', async (context) => {
    const { send, applied } = await openApi(context)
    await applied([TEAM, PROVIDER, SERVICE])
    const document = changed(POLICY, { 'spec.match.repository_id': '1' })
    const answer = await send('POST', '/v1/trust-policies', { document })
    assert.equal(answer.status, 400)
    assert.equal(answer.body.code, 'policy_tests_failed')
  })
  test('a list goes page by page over the real order', async (context) => {
    const { send, applied } = await openApi(context)
    await applied(['delta', 'alpha', 'charlie', 'bravo'].map((name) => changed(TEAM, { 'metadata.name': name })))
    const first = await send('GET', '/v1/teams?limit=3')
    assert.deepEqual(names(first), ['alpha', 'bravo', 'charlie'])
    const second = await send('GET', `/v1/teams?limit=3&after=${first.body.next}`)
    assert.deepEqual([names(second), second.body.next], [['delta'], null])
  })
  test('a repeated create under one Idempotency-Key makes one resource and one event (W-10)', async (context) => {
    const { send, events } = await openApi(context)
    const headers = { 'idempotency-key': 'pipeline-17' }
    const first = await send('POST', '/v1/teams', { document: TEAM }, { headers })
    const count = (await events()).length
    const second = await send('POST', '/v1/teams', { document: TEAM }, { headers })
    assert.deepEqual([second.status, second.body], [first.status, first.body])
    assert.equal(second.headers.get('location'), first.headers.get('location'))
    assert.equal((await events()).length, count)
    const other = await send('POST', '/v1/teams', { document: changed(TEAM, { 'metadata.name': 'x' }) }, { headers })
    assert.equal(other.status, 422)
  })
  test('a refused create leaves its Idempotency-Key free', async (context) => {
    const { send } = await openApi(context)
    const headers = { 'idempotency-key': 'pipeline-18' }
    assert.equal((await send('POST', '/v1/teams', { document: { ...TEAM, spec: 1 } }, { headers })).status, 400)
    assert.equal((await send('POST', '/v1/teams', { document: TEAM }, { headers })).status, 201)
  })
  test('every kind answers list and a missing object', async (context) => {
    const { send } = await openApi(context)
    for (const { plural } of KINDS) {
      assert.deepEqual((await send('GET', `/v1/${plural}`)).body, { items: [], next: null })
      assert.equal((await send('GET', `/v1/${plural}/none`)).status, 404)
    }
  })
})

describe('who may (invariant 10)', () => {
  test('an apply takes the write scope of each kind in it', async (context) => {
    const { send, exported } = await openApi(context)
    const token = tokenFor('resources:apply', 'resources:diff', 'teams:read', 'services:read', 'teams:write')
    const documents = [TEAM, SERVICE]
    const plan = await send('POST', '/v1/diff', { documents }, { token })
    const answer = await send('POST', '/v1/apply', { documents, allow_widening: plan.body.hash }, { token })
    assert.equal(answer.status, 403)
    assert.match(String(answer.body.detail), /services:write/)
    assert.deepEqual(await exported(), [])
  })
  test('nobody grants what they do not hold: 403, recorded as an event', async (context) => {
    const { send, applied, events } = await openApi(context)
    await applied()
    const token = tokenFor('trust-policies:write', 'trust-policies:read')
    const answer = await send('POST', '/v1/trust-policies', { document: ADMIN_POLICY }, { token })
    assert.equal(answer.status, 403, JSON.stringify(answer.body))
    assert.equal(answer.body.code, 'escalation_refused')
    assert.ok((await events()).some(({ kind }) => kind === 'administration.refused'))
    assert.equal((await send('GET', '/v1/trust-policies/administer')).status, 404)
  })
  test('without the read scope an existing policy and a missing one are one answer, byte for byte (invariant 8)', async (context) => {
    const { send, applied } = await openApi(context)
    await applied()
    const options = { token: tokenFor('services:read'), headers: { 'x-request-id': 'the-same-id' } }
    const hidden = await send('GET', '/v1/trust-policies/deploy-orders', undefined, options)
    const missing = await send('GET', '/v1/trust-policies/no-such-policy', undefined, options)
    const visible = { ...options, token: tokenFor('trust-policies:read') }
    const reallyMissing = await send('GET', '/v1/trust-policies/no-such-policy', undefined, visible)
    for (const answer of [missing, reallyMissing]) {
      assert.deepEqual([answer.status, answer.body], [hidden.status, hidden.body])
      assert.deepEqual([...answer.headers], [...hidden.headers])
    }
  })
})

describe('events of changes', () => {
  test('each is listed newest first, read by id, and names its actor', async (context) => {
    const { send, applied } = await openApi(context)
    await applied()
    const { body } = await send('GET', '/v1/events?limit=2')
    const [newest, older] = body.items as { id: string; actor: string; kind: string }[]
    assert.ok(newest && older && newest.id > older.id)
    assert.equal(newest.actor, 'local-socket')
    const next = await send('GET', `/v1/events?limit=2&after=${body.next}`)
    assert.ok((next.body.items as { id: string }[]).every(({ id }) => id < older.id))
    assert.deepEqual((await send('GET', `/v1/events/${newest.id}`)).body, newest)
    const filtered = await send('GET', `/v1/events?kind=${newest.kind}&outcome=denied`)
    assert.deepEqual(filtered.body.items, [])
  })
})
