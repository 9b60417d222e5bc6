import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import type { ServiceError } from '../errors.ts'
import { createResourceStore, RESTORE_DAYS } from './store.ts'
import type { Resource, ResourceDocument, ResourceKind } from './types.ts'

const kinds: readonly ResourceKind[] = (['Team', 'Service'] as const).map((kind) => ({
  kind,
  plural: kind.toLowerCase(),
  idPrefix: kind === 'Team' ? 'team' : 'svc',
  spec: z.record(z.string(), z.json()) as unknown as ResourceKind['spec'],
  hasTests: false,
  requiredMetadata: [],
  summary: '',
}))

function document(kind: 'Team' | 'Service', name: string, value = 0): ResourceDocument {
  return { apiVersion: 'countersign/v1', kind, metadata: { name }, spec: { value } }
}

async function open(scope: TestScope) {
  let at = Date.parse('2026-11-24T10:00:00Z')
  const now = () => new Date(at)
  const database = await openTestDatabase(scope, { now })
  const store = createResourceStore({ database, kinds, now })
  return {
    database,
    store,
    advance: (ms: number) => {
      at += ms
    },
    put: (change: { id?: string; document: ResourceDocument; enabled?: boolean }) =>
      database.transaction(async (tx) => {
        const revision = await database.revisions.append(tx, { kind: 'test', target: 'x', detail: null })
        return store.put(tx, { enabled: true, ...change, revision })
      }),
    remove: (id: string) =>
      database.transaction(async (tx) => {
        const revision = await database.revisions.append(tx, { kind: 'test', target: id, detail: null })
        await store.remove(tx, id, revision)
        return revision
      }),
  }
}

const hasCode = (code: string) => (error: ServiceError) => error.code === code

describe('the resource store', () => {
  it('refuses a second resource of the same kind and name', async (t) => {
    const { put } = await open(t)
    await put({ document: document('Team', 'a') })
    await put({ document: document('Service', 'a') })
    await assert.rejects(put({ document: document('Team', 'a') }), hasCode('conflict'))
    const other = await put({ document: document('Team', 'b') })
    await assert.rejects(put({ id: other.id, document: document('Team', 'a') }), hasCode('conflict'))
  })

  it('refuses to write a document over one of another kind', async (t) => {
    const { put, store } = await open(t)
    const team = await put({ document: document('Team', 'a') })
    await assert.rejects(put({ id: team.id, document: document('Service', 'b') }), hasCode('not_found'))
    assert.equal((await store.loadAll()).length, 1)
  })

  it('does not find what is removed, of another kind, or spelt otherwise (T34)', async (t) => {
    const { put, remove, store } = await open(t)
    const team = await put({ document: document('Team', 'a') })
    await assert.rejects(store.get('Service', team.id), hasCode('not_found'))
    await assert.rejects(store.get('Team', 'A'), hasCode('not_found'))
    await assert.rejects(store.get('Team', `${team.id} `), hasCode('not_found'))
    await remove(team.id)
    await assert.rejects(store.get('Team', 'a'), hasCode('not_found'))
    await assert.rejects(store.get('Team', team.id), hasCode('not_found'))
    await assert.rejects(remove(team.id), hasCode('not_found'))
  })

  it('leaves nothing of a transaction that fails', async (t) => {
    const { database, store } = await open(t)
    const failed = database.transaction(async (tx) => {
      const revision = await database.revisions.append(tx, { kind: 'test', target: 'x', detail: null })
      await store.put(tx, { document: document('Team', 'a'), revision, enabled: true })
      throw new Error('in the middle')
    })
    await assert.rejects(failed, /in the middle/)
    assert.deepEqual(await store.loadAll(), [])
    assert.equal(await store.newestRevision(), 0)
  })

  it('gives the name of a removed resource to a new one, with a new id', async (t) => {
    const { put, remove, store } = await open(t)
    const first = await put({ document: document('Team', 'a') })
    await remove(first.id)
    const second = await put({ document: document('Team', 'a', 1) })
    assert.notEqual(second.id, first.id)
    assert.equal((await store.get('Team', 'a')).id, second.id)
  })

  it(`offers a removed resource for ${RESTORE_DAYS} days and no longer`, async (t) => {
    const { put, remove, store, advance } = await open(t)
    const team = await put({ document: document('Team', 'a') })
    assert.equal(await store.findRemoved(team.id), undefined)
    await remove(team.id)
    advance(RESTORE_DAYS * 86_400_000 - 1)
    assert.equal((await store.findRemoved(team.id))?.id, team.id)
    advance(1)
    assert.equal(await store.findRemoved(team.id), undefined)
  })

  it('answers for every revision as the state was then, after any sequence of changes', async (t) => {
    const step = fc.record({
      act: fc.constantFrom('put', 'put', 'disable', 'remove'),
      name: fc.constantFrom('a', 'b', 'c'),
      value: fc.nat(5),
    })
    const harness = await open(t)
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { put, remove, store, database } = harness
        const states: { revision: number; resources: readonly Resource[] }[] = []
        for (const { act, name, value } of steps) {
          const known = (await store.loadAll()).find((resource) => resource.document.metadata.name === name)
          if (act === 'remove' && known) await remove(known.id)
          if (act === 'disable' && known) await put({ id: known.id, document: known.document, enabled: false })
          if (act === 'put') await put({ ...(known ? { id: known.id } : {}), document: document('Team', name, value) })
          states.push({ revision: await store.newestRevision(), resources: await store.loadAll() })
        }
        const shape = (resources: readonly Resource[]) =>
          resources.map(({ id, document: { metadata, spec }, revision, enabled }) => ({
            id,
            metadata,
            spec,
            revision,
            enabled,
          }))
        for (const state of states) {
          assert.deepEqual(shape(await store.loadAllAt(state.revision)), shape(state.resources))
        }
        // Each document row is the newest of its states.
        for (const row of await database.read.selectFrom('documents').selectAll().execute()) {
          const newest = await database.read
            .selectFrom('document_revisions')
            .selectAll()
            .where('document_id', '=', row.id)
            .orderBy('revision', 'desc')
            .limit(1)
            .executeTakeFirstOrThrow()
          assert.deepEqual(
            [newest.revision, newest.body, newest.enabled, newest.deleted, newest.name],
            [row.revision, row.body, row.enabled, row.deleted_at === null ? 0 : 1, row.name],
          )
        }
      }),
      { numRuns: 15 },
    )
  })
})
