import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import { loadGrantHistory } from './grant-history.ts'

const T0 = Date.parse('2026-11-24T10:00:00Z')
const HOUR_MS = 3_600_000
const BUILTIN = [{ id: 'svc_management', name: 'countersign-management' }]

interface State {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly spec: Readonly<Record<string, unknown>>
  readonly enabled?: boolean
  readonly deleted?: boolean
}

async function open(t: TestScope) {
  let at = T0
  const database = await openTestDatabase(t, { now: () => new Date(at) })
  return {
    async put({ id, kind, name, spec, enabled = true, deleted = false }: State, ms: number) {
      at = T0 + ms
      await database.transaction(async (tx) => {
        const revision = await database.revisions.append(tx, { kind: 'test', target: id, detail: null })
        const row = {
          kind,
          name,
          revision,
          body: JSON.stringify({ metadata: { name }, spec }),
          enabled: enabled ? 1 : 0,
        }
        await tx
          .insertInto('document_revisions')
          .values({ document_id: id, ...row, deleted: deleted ? 1 : 0 })
          .execute()
        const now = { ...row, updated_at: at, deleted_at: deleted ? at : null }
        await tx
          .insertInto('documents')
          .values({ id, created_at: at, ...now })
          .onConflict((conflict) => conflict.column('id').doUpdateSet(now))
          .execute()
      })
    },
    history: (sinceMs: number) =>
      loadGrantHistory(database.read, { since: new Date(T0 + sinceMs), builtinServices: BUILTIN }),
  }
}

const service = (change: Partial<State> = {}): State => ({
  ...{ id: 'svc_o', kind: 'Service', name: 'orders', spec: { verification: { onUnavailable: 'deny' } } },
  ...change,
})
const provider = (change: Partial<State> = {}): State => ({
  ...{ id: 'tp_g', kind: 'TrustProvider', name: 'github', spec: {} },
  ...change,
})
const policy = (ttl: unknown, change: Partial<State> = {}, spec: State['spec'] = {}): State => ({
  ...{ id: 'pol_d', kind: 'TrustPolicy', name: 'deploy' },
  spec: {
    provider: 'github',
    grant: { service: 'orders', ...(ttl === undefined ? {} : { ttl }) },
    mode: 'enforce',
    ...spec,
  },
  ...change,
})

async function prepared(t: TestScope) {
  const opened = await open(t)
  await opened.put(provider(), -9 * HOUR_MS)
  await opened.put(service(), -9 * HOUR_MS)
  return opened
}

const ttls = ({ grants }: { readonly grants: readonly { readonly ttlSeconds: number }[] }) =>
  [...new Set(grants.map(({ ttlSeconds }) => ttlSeconds))].sort((one, other) => one - other)

describe('what has been granted within the longest life of a token', () => {
  it('includes what was narrowed, disabled or deleted since then, and the state in force at its beginning', async (t) => {
    const { put, history } = await prepared(t)
    await put(policy('1h'), -8 * HOUR_MS)
    await put(policy('40m'), -7 * HOUR_MS)
    await put(policy('5m'), -30 * 60_000)
    assert.deepEqual(ttls(await history(-HOUR_MS)), [300, 2400], 'the 40m state was in force an hour ago')
    await put(policy('5m', { enabled: false }), -20 * 60_000)
    await put(policy('5m', { deleted: true }), -10 * 60_000)
    assert.deepEqual(ttls(await history(-HOUR_MS)), [300, 2400])
    assert.deepEqual(ttls(await history(-60_000)), [], 'what had ended before it is not out any more')
  })

  it('leaves out what never granted: shadow and disabled policies', async (t) => {
    const { put, history } = await prepared(t)
    await put(policy('1h', {}, { mode: 'shadow' }), -2 * HOUR_MS)
    await put(policy('1h', { id: 'pol_x', name: 'x', enabled: false }), -2 * HOUR_MS)
    assert.deepEqual(ttls(await history(-HOUR_MS)), [])
  })

  it('takes the longest life for what does not read as one, and the default for what states none', async (t) => {
    const { put, history } = await prepared(t)
    await put(policy({ odd: true }), -2 * HOUR_MS)
    await put(policy(undefined, { id: 'pol_y', name: 'y' }), -2 * HOUR_MS)
    await put(policy('9d', { id: 'pol_z', name: 'z' }), -2 * HOUR_MS)
    assert.deepEqual(ttls(await history(-HOUR_MS)), [900, 3600])
  })

  it('counts a grant for every document that had the name since then', async (t) => {
    const { put, history } = await prepared(t)
    await put(policy('10m'), -2 * HOUR_MS)
    await put(service({ deleted: true }), -20 * 60_000)
    await put(service({ id: 'svc_new' }), -10 * 60_000)
    const { grants } = await history(-HOUR_MS)
    assert.deepEqual([...new Set(grants.map(({ serviceId }) => serviceId))].sort(), ['svc_new', 'svc_o'])
  })

  it('names the management API, and services that said last-known-good at some time since then', async (t) => {
    const { put, history } = await prepared(t)
    await put(service({ spec: { verification: { onUnavailable: 'last-known-good' } } }), -2 * HOUR_MS)
    await put(service(), -30 * 60_000)
    await put(policy('10m', {}, { grant: { service: 'countersign-management', ttl: '10m' } }), -20 * 60_000)
    const { services, grants } = await history(-HOUR_MS)
    assert.deepEqual(
      services.find(({ id }) => id === 'svc_o'),
      { id: 'svc_o', name: 'orders', lastKnownGood: true },
    )
    assert.deepEqual([...new Set(grants.map(({ serviceId }) => serviceId))], ['svc_management'])
    const later = await history(-60_000)
    assert.equal(later.services.find(({ id }) => id === 'svc_o')?.lastKnownGood, false)
  })
})
