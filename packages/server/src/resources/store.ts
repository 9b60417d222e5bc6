import type { Kysely, Selectable, Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import { type Now, newId } from '../lib/index.ts'
import type { DocumentRevisionsTable, DocumentsTable, Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { API_VERSION } from './document-schema.ts'
import type { KindName, Resource, ResourceDocument, ResourceKind } from './types.ts'

/** How many days a removed resource can be restored. */
export const RESTORE_DAYS = 7

/** What the resource store needs. */
export interface ResourceStoreDependencies {
  readonly database: Database<Tables>
  readonly kinds: readonly ResourceKind[]
  readonly now: Now
}

/** A change of one resource, with the revision that it took. */
export interface ResourceChange {
  /** Of the resource to change, or the id that a new one is to have. Undefined: a new resource with a new id. */
  readonly id?: string
  readonly document: ResourceDocument
  readonly revision: number
  readonly enabled: boolean
}

/** Resources in their newest state and in every earlier one. Writers take the revision first (it holds the revision lock). */
export interface ResourceStore {
  /** Every resource that is not removed, by kind and name. */
  loadAll(executor?: Kysely<Tables>): Promise<readonly Resource[]>
  /** The state as it was when `revision` had been applied: the newest state of each document at or before it. */
  loadAllAt(revision: number): Promise<readonly Resource[]>
  /** The newest revision of any document; 0 when there is none. Read it inside a transaction to see whether others wrote. */
  newestRevision(executor?: Kysely<Tables>): Promise<number>
  /** By id or, when nothing has that id, by name. Removed ones are not found. @throws ServiceError not_found */
  get(kind: KindName, idOrName: string): Promise<Resource>
  /** One state of one resource, also of a removed one: what a decision was made on. */
  findAt(id: string, revision: number): Promise<Resource | undefined>
  /** A removed resource that can still be restored. */
  findRemoved(id: string): Promise<Resource | undefined>
  /** Writes a new state. @throws ServiceError conflict when another resource of the kind has the name */
  put(tx: Transaction<Tables>, change: ResourceChange): Promise<Resource>
  /** Removes it; its states stay. */
  remove(tx: Transaction<Tables>, id: string, revision: number): Promise<void>
}

type DocumentRow = Selectable<DocumentsTable>

/** The canonical text that is stored of a document. */
function bodyOf(document: ResourceDocument): string {
  const { metadata, spec, tests } = document
  // Members stay in the order in which they were written: explanations list a policy's conditions in file order.
  return JSON.stringify({ metadata, spec, ...(tests ? { tests } : {}) })
}

function toResource(row: DocumentRow): Resource {
  const body = JSON.parse(row.body) as Pick<ResourceDocument, 'metadata' | 'spec' | 'tests'>
  return {
    id: row.id,
    document: { apiVersion: API_VERSION, kind: row.kind as KindName, ...body },
    revision: Number(row.revision),
    enabled: Number(row.enabled) === 1,
    createdAt: new Date(Number(row.created_at)),
    updatedAt: new Date(Number(row.updated_at)),
  }
}

/** Sorts by kind and name, byte by byte: both engines collate text in their own way. */
function byKindAndName(left: Resource, right: Resource): number {
  const a = `${left.document.kind}/${left.document.metadata.name}`
  const b = `${right.document.kind}/${right.document.metadata.name}`
  return a < b ? -1 : a > b ? 1 : 0
}

/** Creates the store of resources over `documents` and `document_revisions`. */
export function createResourceStore({ database, kinds, now }: ResourceStoreDependencies): ResourceStore {
  const kindNames = kinds.map((kind) => kind.kind as string)

  function prefixOf(kind: KindName) {
    const found = kinds.find((candidate) => candidate.kind === kind)
    if (!found) throw new TypeError(`no kind ${kind} is registered`)
    return found.idPrefix
  }

  /** Every state of every resource, in the form of a stored row. */
  function states() {
    return database.read
      .selectFrom('document_revisions as state')
      .innerJoin('documents', 'documents.id', 'state.document_id')
      .select(['state.document_id as id', 'state.kind', 'state.name', 'state.revision', 'state.body', 'state.enabled'])
      .select(['documents.created_at', 'documents.updated_at', 'documents.deleted_at'])
  }

  async function writeState(tx: Transaction<Tables>, row: DocumentRow, deleted: boolean): Promise<void> {
    const state: DocumentRevisionsTable = {
      document_id: row.id,
      revision: row.revision,
      kind: row.kind,
      name: row.name,
      body: row.body,
      enabled: row.enabled,
      deleted: deleted ? 1 : 0,
    }
    await tx.insertInto('document_revisions').values(state).execute()
  }

  return {
    async loadAll(executor = database.read) {
      const rows = await executor
        .selectFrom('documents')
        .selectAll()
        .where('deleted_at', 'is', null)
        .where('kind', 'in', kindNames)
        .execute()
      return rows.map(toResource).sort(byKindAndName)
    },

    async loadAllAt(revision) {
      const rows = await states()
        .where('state.deleted', '=', 0)
        .where('state.revision', '=', (query) =>
          query
            .selectFrom('document_revisions as newest')
            .select((of) => of.fn.max('newest.revision').as('revision'))
            .whereRef('newest.document_id', '=', 'state.document_id')
            .where('newest.revision', '<=', revision),
        )
        .execute()
      return rows.map(toResource).sort(byKindAndName)
    },

    async newestRevision(executor = database.read) {
      const row = await executor
        .selectFrom('document_revisions')
        .select((of) => of.fn.max('revision').as('revision'))
        .executeTakeFirst()
      return Number(row?.revision ?? 0)
    },

    async get(kind, idOrName) {
      const live = database.read
        .selectFrom('documents')
        .selectAll()
        .where('kind', '=', kind)
        .where('deleted_at', 'is', null)
      const row =
        (await live.where('id', '=', idOrName).executeTakeFirst()) ??
        (await live.where('name', '=', idOrName).executeTakeFirst())
      if (!row) throw new ServiceError('not_found')
      return toResource(row)
    },

    async findAt(id, revision) {
      const row = await states()
        .where('state.document_id', '=', id)
        .where('state.revision', '<=', revision)
        .orderBy('state.revision', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && toResource(row)
    },

    async findRemoved(id) {
      const row = await database.read
        .selectFrom('documents')
        .selectAll()
        .where('id', '=', id)
        .where('deleted_at', '>', now().getTime() - RESTORE_DAYS * 86_400_000)
        .executeTakeFirst()
      return row && toResource(row)
    },

    async put(tx, { id, document, revision, enabled }) {
      const at = now()
      const { kind } = document
      const { name } = document.metadata
      // A unique index says the same; asking first gives both engines one error.
      const taken = await tx
        .selectFrom('documents')
        .select('id')
        .where('kind', '=', kind)
        .where('name', '=', name)
        .where('deleted_at', 'is', null)
        .executeTakeFirst()
      if (taken && taken.id !== id) throw new ServiceError('conflict', { detail: `${kind}/${name} exists already` })
      const stored =
        id === undefined
          ? undefined
          : await tx.selectFrom('documents').selectAll().where('id', '=', id).executeTakeFirst()
      if (stored && stored.kind !== kind) throw new ServiceError('not_found')
      const row: DocumentRow = {
        id: id ?? newId(prefixOf(kind), at),
        kind,
        name,
        revision,
        body: bodyOf(document),
        enabled: enabled ? 1 : 0,
        created_at: stored ? Number(stored.created_at) : at.getTime(),
        updated_at: at.getTime(),
        deleted_at: null,
      }
      if (stored) await tx.updateTable('documents').set(row).where('id', '=', row.id).execute()
      else await tx.insertInto('documents').values(row).execute()
      await writeState(tx, row, false)
      return toResource(row)
    },

    async remove(tx, id, revision) {
      const at = now().getTime()
      const row = await tx
        .updateTable('documents')
        .set({ revision, updated_at: at, deleted_at: at })
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .returningAll()
        .executeTakeFirst()
      if (!row) throw new ServiceError('not_found')
      await writeState(tx, row, true)
    },
  }
}
