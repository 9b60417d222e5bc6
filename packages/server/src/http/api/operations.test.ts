import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  apiDependencies,
  createApiUnderTest,
  policyDocument,
  recordedEvent,
  tokenFor,
} from '../../../../../test/support/api.ts'
import { ServiceError } from '../../errors.ts'

async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>
}

describe('sets of documents', () => {
  test('diff, then apply with the hash that it returned', async () => {
    const { send } = createApiUnderTest()
    const documents = [policyDocument('a'), policyDocument('b')]
    const plan = await json(await send('POST', '/v1/diff', { body: { documents } }))
    assert.equal(plan.base_revision, 0)
    const refused = await send('POST', '/v1/apply', { body: { documents } })
    assert.equal(refused.status, 409)
    assert.equal((await json(refused)).code, 'widening_refused')
    const dry = await send('POST', '/v1/apply', { body: { documents, allow_widening: plan.hash, dry_run: true } })
    assert.equal((await json(dry)).applied, false)
    const applied = await json(await send('POST', '/v1/apply', { body: { documents, allow_widening: plan.hash } }))
    assert.equal(applied.applied, true)
    assert.equal(applied.revision, 2)
    assert.equal(((await json(await send('GET', '/v1/export'))).documents as unknown[]).length, 2)
  })
  test('an apply may weigh up to 1 MiB, and no more', async () => {
    const { send } = createApiUnderTest()
    const documents = (size: number) => [policyDocument('a', { filler: 'x'.repeat(size) })]
    assert.equal((await send('POST', '/v1/diff', { body: { documents: documents(900_000) } })).status, 200)
    assert.equal((await send('POST', '/v1/diff', { body: { documents: documents(1_048_576) } })).status, 413)
  })
  for (const body of [
    {},
    { documents: {} },
    { documents: [], prune_set: '../x' },
    { documents: [], dry_run: 'yes' },
    { documents: [], prune: true },
  ]) {
    test(`apply refuses ${JSON.stringify(body)}`, async () => {
      const response = await createApiUnderTest().send('POST', '/v1/apply', { body })
      assert.equal(response.status, 400)
    })
  }
  test('the prune set reaches the domain by its name only', async () => {
    const seen: unknown[] = []
    const { administration } = apiDependencies()
    const { send } = createApiUnderTest({
      administration: {
        ...administration,
        plan: async (input) => {
          seen.push(input.prune)
          return administration.plan(input)
        },
      },
    })
    await send('POST', '/v1/diff', { body: { documents: [], prune_set: 'platform' } })
    await send('POST', '/v1/diff', { body: { documents: [] } })
    assert.deepEqual(seen, [{ set: 'platform' }, undefined])
  })
  test('diff takes the read scope of every kind in the plan; apply shows only kinds that may be read (invariant 8)', async () => {
    const { send } = createApiUnderTest()
    const documents = [policyDocument('a')]
    const refused = await send('POST', '/v1/diff', { body: { documents }, token: tokenFor('resources:diff') })
    assert.equal(refused.status, 403)
    assert.match(String((await json(refused)).detail), /trust-policies:read/)
    for (const [scopes, shown] of [
      [['resources:apply', 'trust-policies:write'], 0],
      [['resources:apply', 'trust-policies:read'], 1],
    ] as const) {
      const body = { documents, allow_widening: 'plan_0123456789', dry_run: true }
      const applied = await json(await send('POST', '/v1/apply', { body, token: tokenFor(...scopes) }))
      const [change] = (applied.plan as { changes: { differences: unknown[]; reasons: unknown[] }[] }).changes
      assert.deepEqual([change?.differences.length, change?.reasons.length], [shown, shown])
    }
  })
  test('lint takes the read scope of every kind that is given, before anything is compared (invariant 8)', async () => {
    let linted = 0
    const { administration } = apiDependencies()
    const { send } = createApiUnderTest({
      administration: {
        ...administration,
        lint: async (documents) => {
          linted += 1
          return administration.lint(documents)
        },
      },
    })
    const service = { ...policyDocument('s'), kind: 'Service' }
    for (const [documents, held, lacking] of [
      [[policyDocument('a')], [], 'trust-policies:read'],
      [[policyDocument('a')], ['trust-policies:write', 'services:read'], 'trust-policies:read'],
      [[policyDocument('a'), service], ['trust-policies:read'], 'services:read'],
      [[service, policyDocument('a')], ['services:read'], 'trust-policies:read'],
    ] as const) {
      const token = tokenFor('resources:diff', ...held)
      const refused = await send('POST', '/v1/lint', { body: { documents }, token })
      assert.equal(refused.status, 403)
      assert.equal((await json(refused)).detail, `it takes ${lacking}`)
    }
    assert.equal(linted, 0)
    const token = tokenFor('resources:diff', 'trust-policies:read')
    const both = { documents: [policyDocument('a'), { kind: 'Unheard' }] }
    assert.equal((await send('POST', '/v1/lint', { body: both, token })).status, 200)
  })
  test('lint returns faults and changes nothing', async () => {
    const { send } = createApiUnderTest()
    const { problems } = await json(await send('POST', '/v1/lint', { body: { documents: [policyDocument('a')] } }))
    assert.equal((problems as unknown[]).length, 1)
    assert.deepEqual((await json(await send('GET', '/v1/export'))).documents, [])
  })
  test('the schema of a kind is JSON Schema; of no kind it is missing', async () => {
    const { send } = createApiUnderTest()
    const schema = await send('GET', '/v1/schemas/TrustPolicy')
    assert.equal(schema.headers.get('content-type'), 'application/schema+json')
    assert.equal((await send('GET', '/v1/schemas/Nothing')).status, 404)
    assert.equal((await send('GET', '/v1/schemas/__proto__')).status, 404)
  })
})

describe('events', () => {
  test('list maps filters and cursor to the domain and back', async () => {
    const seen: unknown[] = []
    const { events } = apiDependencies()
    const { send } = createApiUnderTest({
      events: {
        ...events,
        list: async (input) => {
          seen.push(input)
          return events.list(input)
        },
      },
    })
    const query = 'kind=exchange.decided&outcome=denied&workload=wl_1&limit=7'
    const first = await json(await send('GET', `/v1/events?${query}`))
    await send('GET', `/v1/events?${query}&after=${first.next}`)
    const filter = { kind: 'exchange.decided', outcome: 'denied', workloadId: 'wl_1', limit: 7 }
    assert.deepEqual(seen, [filter, { ...filter, after: 'evt_9' }])
    assert.equal((await send('GET', `/v1/events?outcome=allowed&after=${first.next}`)).status, 400)
  })
  for (const query of ['outcome=maybe', 'kind=Exchange', "kind='", 'workload=%00', 'workload=a/b', 'workloadId=wl_1']) {
    test(`list refuses ?${query}`, async () => {
      assert.equal((await createApiUnderTest().send('GET', `/v1/events?${query}`)).status, 400)
    })
  }
  test('an event is shown with null for what it has not', async () => {
    const { workloadId: _, ...early } = recordedEvent()
    const { events } = apiDependencies()
    const { send } = createApiUnderTest({ events: { ...events, get: async () => early } })
    const event = await json(await send('GET', '/v1/events/evt_1'))
    assert.deepEqual(event, {
      id: 'evt_1',
      at: '2026-11-24T09:04:07.000Z',
      kind: 'exchange.decided',
      outcome: 'denied',
      actor: 'workload:wl_1',
      workload_id: null,
      data: { code: 'no_matching_policy' },
      leaf_index: null,
    })
  })
  test('an explanation keeps absent claims and forgotten claims apart from empty ones', async () => {
    const { send } = createApiUnderTest()
    const explanation = await json(await send('GET', '/v1/events/evt_1/explanation'))
    assert.equal(explanation.claims, null)
    assert.deepEqual(explanation.caller_saw, { status: 400, error: 'invalid_target' })
    const [policy] = explanation.policies as { conditions: { actual: unknown; outcome: string }[] }[]
    assert.deepEqual(policy?.conditions[0], {
      claim: 'environment',
      operator: 'eq',
      expected: 'production',
      actual: null,
      outcome: 'absent',
    })
    assert.equal((await send('GET', '/v1/events/ref_none/explanation')).status, 404)
  })
  test('reading events does not allow explaining them: claims are more than events', async () => {
    const { send } = createApiUnderTest()
    const token = tokenFor('events:read')
    assert.equal((await send('GET', '/v1/events/evt_1', { token })).status, 200)
    assert.equal((await send('GET', '/v1/events/evt_1/explanation', { token })).status, 404)
  })
})

describe('policies from events, tests, inspection', () => {
  test('generate answers a document and saves nothing', async () => {
    const { send } = createApiUnderTest()
    const generated = await json(await send('POST', '/v1/trust-policies/generate', { body: { event_id: 'evt_1' } }))
    assert.deepEqual(generated.notes, ['mode is shadow'])
    assert.deepEqual((await json(await send('GET', '/v1/export'))).documents, [])
    assert.equal((await send('POST', '/v1/trust-policies/generate', { body: { event_id: 'evt_none' } })).status, 404)
    assert.equal((await send('POST', '/v1/trust-policies/generate', { body: { event_id: '../x' } })).status, 400)
  })
  test('a policy named generate or test can still be read', async () => {
    const { send } = createApiUnderTest()
    for (const name of ['generate', 'test']) {
      await send('POST', '/v1/trust-policies', { body: { document: policyDocument(name) } })
      assert.equal((await json(await send('GET', `/v1/trust-policies/${name}`))).name, name)
    }
  })
  test('one failing case fails the run', async () => {
    const { send } = createApiUnderTest({
      testPolicy: async () => [
        { index: 0, expected: 'allow', passed: true, detail: '' },
        { index: 1, expected: 'deny', passed: false, detail: 'was allowed' },
      ],
    })
    const run = await json(await send('POST', '/v1/trust-policies/test', { body: { document: policyDocument('a') } }))
    assert.equal(run.passed, false)
  })
  test('inspect returns the verdict and never the token, also when it fails (invariant 5)', async () => {
    const canary = `canary.${'e'.repeat(40)}.sig`
    const fine = await createApiUnderTest().send('POST', '/v1/inspect', { body: { token: canary } })
    assert.equal(fine.status, 200)
    assert.ok(!(await fine.text()).includes('canary'))
    const failing = createApiUnderTest({ inspectProof: async (token) => Promise.reject(new Error(`bad ${token}`)) })
    const response = await failing.send('POST', '/v1/inspect', { body: { token: canary } })
    assert.equal(response.status, 500)
    assert.ok(!(await response.text()).includes('canary'))
    assert.ok(!JSON.stringify(failing.logged).includes('canary'))
  })
  test('inspect takes a token of at most 16 KiB, and ignores an Idempotency-Key: a proof is never stored', async () => {
    let stored = false
    const { send } = createApiUnderTest({
      idempotency: {
        once: async (_input, work) => {
          stored = true
          return { ...(await work()), repeated: false }
        },
      },
    })
    assert.equal((await send('POST', '/v1/inspect', { body: { token: 'x'.repeat(16 * 1024 + 1) } })).status, 400)
    const response = await send('POST', '/v1/inspect', { body: { token: 'x' }, headers: { 'idempotency-key': 'k' } })
    assert.equal(response.status, 200)
    assert.equal(stored, false)
  })
})

describe('the audit log', () => {
  test('the checkpoint carries the note as it was signed', async () => {
    const checkpoint = await json(await createApiUnderTest().send('GET', '/v1/audit/checkpoint'))
    assert.equal(checkpoint.note, 'log\n4\n')
    assert.equal(checkpoint.root, Buffer.alloc(32).toString('base64'))
  })
  test('the export is streamed as JSON Lines', async () => {
    const response = await createApiUnderTest().send('GET', '/v1/audit/export')
    assert.equal(response.headers.get('content-type'), 'application/jsonl')
    assert.equal(await response.text(), '{"line":1}\n{"line":2}\n')
  })
  test('an export that cannot start is a problem; one that fails later is cut short, without the reason', async () => {
    const { events } = apiDependencies()
    const cannot = createApiUnderTest({
      events: {
        ...events,
        // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
        export: async function* () {
          throw new ServiceError('store_unavailable')
        },
      },
    })
    assert.equal((await cannot.send('GET', '/v1/audit/export')).status, 503)
    const later = createApiUnderTest({
      events: {
        ...events,
        export: async function* () {
          yield `${'x'.repeat(20_000)}\n`
          throw new Error('canary')
        },
      },
    })
    const response = await later.app.request('/v1/audit/export', {}, { listener: 'local-socket' })
    assert.equal(response.status, 200)
    await assert.rejects(response.text(), (error: Error) => !error.message.includes('canary'))
  })
  test('a reader that goes away ends the export, and HEAD never starts one', async () => {
    const { events } = apiDependencies()
    let started = 0
    let ended = 0
    const { app } = createApiUnderTest({
      events: {
        ...events,
        export: async function* () {
          started += 1
          try {
            for (;;) yield `${'x'.repeat(20_000)}\n`
          } finally {
            ended += 1
          }
        },
      },
    })
    await app.request('/v1/audit/export', { method: 'HEAD' }, { listener: 'local-socket' })
    assert.equal(started, 0)
    const response = await app.request('/v1/audit/export', {}, { listener: 'local-socket' })
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    assert.deepEqual([started, ended], [1, 1])
  })
})

describe('the rest', () => {
  test('signing keys show public facts of every state', async () => {
    const { items } = (await json(await createApiUnderTest().send('GET', '/v1/signing-keys'))) as { items: object[] }
    const times = ['created_at', 'published_at', 'active_at', 'retired_at', 'removed_at', 'destroyed_at']
    times.push('revoked_at', 'activate_at')
    assert.deepEqual(Object.keys(items[0] ?? {}), ['kid', 'purpose', 'alg', 'state', ...times])
  })
  test('recorded workloads are listed and read', async () => {
    const { send } = createApiUnderTest()
    assert.equal(((await json(await send('GET', '/v1/seen-workloads'))).items as unknown[]).length, 1)
    assert.equal((await json(await send('GET', '/v1/seen-workloads/wl_1'))).provider_id, 'tp_1')
    assert.equal((await send('GET', '/v1/seen-workloads/wl_2')).status, 404)
  })
  test('whoami and status answer', async () => {
    const { send } = createApiUnderTest()
    const actor = await json(await send('GET', '/v1/whoami', { token: tokenFor('b:read', 'a:read') }))
    assert.deepEqual(actor, {
      id: 'wl_pipeline',
      kind: 'workload',
      scopes: ['a:read', 'b:read'],
      policy_id: 'pol_admins',
    })
    assert.equal((await json(await send('GET', '/v1/status'))).revision_age_ms, 12)
  })
})
