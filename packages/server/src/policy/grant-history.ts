import type { Kysely } from 'kysely'
import { parseDurationMs } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import { DEFAULT_TTL_SECONDS } from './compile.ts'
import { MAX_TTL_SECONDS } from './grant.ts'

const KINDS = ['TrustPolicy', 'TrustProvider', 'Service'] as const
/** Documents asked for by one statement. */
const IDS_PER_STATEMENT = 500

/** What a policy granted at some time since an instant. */
export interface PastGrant {
  readonly policyId: string
  readonly providerId: string
  readonly serviceId: string
  readonly ttlSeconds: number
}

/** Every grant that tokens may still be out from, and the services that they are for. */
export interface GrantHistory {
  readonly services: readonly {
    readonly id: string
    readonly name: string
    /** Whether its verifiers have been told, at some time since the instant, to go on when revocations cannot be read. */
    readonly lastKnownGood: boolean
  }[]
  readonly grants: readonly PastGrant[]
}

interface DocumentState {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly body: string
  readonly effective: boolean
}

/**
 * What policies have granted since an instant, from every state that they were in since then: what has been narrowed or deleted
 * meanwhile counts, because its tokens may live. Call it in a transaction that holds the revision lock, and nothing is missing.
 */
export async function loadGrantHistory(
  db: Kysely<Tables>,
  input: { readonly since: Date; readonly builtinServices: readonly { readonly id: string; readonly name: string }[] },
): Promise<GrantHistory> {
  const states = await loadStates(db, input.since)
  const idsByName = new Map<string, Set<string>>()
  const note = (kind: string, name: string, id: string) => {
    const key = `${kind}/${name}`
    idsByName.set(key, (idsByName.get(key) ?? new Set()).add(id))
  }
  const services = new Map<string, GrantHistory['services'][number]>()
  for (const { id, name } of input.builtinServices) {
    note('Service', name, id)
    services.set(id, { id, name, lastKnownGood: false })
  }
  for (const { id, kind, name, body } of states) {
    note(kind, name, id)
    if (kind !== 'Service') continue
    const lastKnownGood = services.get(id)?.lastKnownGood === true || saysLastKnownGood(body)
    services.set(id, { id, name, lastKnownGood })
  }
  // A name may have belonged to several documents since then: the grant counts for each.
  const idsOf = (kind: string, name: unknown) => [...(idsByName.get(`${kind}/${String(name)}`) ?? [])]
  const grants = states
    .filter(({ kind, effective }) => kind === 'TrustPolicy' && effective)
    .flatMap(({ id: policyId, body }): PastGrant[] => {
      const { spec } = JSON.parse(body) as { readonly spec: Readonly<Record<string, unknown>> }
      if (spec['mode'] === 'shadow') return []
      const { service, ttl } = (spec['grant'] ?? {}) as Readonly<Record<string, unknown>>
      const ttlSeconds = ttlOf(ttl)
      return idsOf('Service', service).flatMap((serviceId) =>
        idsOf('TrustProvider', spec['provider']).map((providerId) => ({ policyId, providerId, serviceId, ttlSeconds })),
      )
    })
  return { services: [...services.values()], grants }
}

/** The newest state of each document that is not deleted, and every state that one was in since the instant. */
async function loadStates(db: Kysely<Tables>, since: Date): Promise<readonly DocumentState[]> {
  const { first } = await db
    .selectFrom('revisions')
    .select(({ fn }) => fn.min('revision').as('first'))
    .where('at', '>=', since.getTime())
    .executeTakeFirstOrThrow()
  const current = await db
    .selectFrom('documents')
    .select(['id', 'kind', 'name', 'body', 'enabled'])
    .where('deleted_at', 'is', null)
    .where('kind', 'in', KINDS)
    .execute()
  const now = current.map(({ enabled, ...row }) => ({ ...row, effective: enabled === 1 }))
  if (first === null) return now
  const changed = await db
    .selectFrom('document_revisions')
    .select('document_id')
    .distinct()
    .where('revision', '>=', Number(first))
    .where('kind', 'in', KINDS)
    .execute()
  const past: DocumentState[] = []
  for (let from = 0; from < changed.length; from += IDS_PER_STATEMENT) {
    const ids = changed.slice(from, from + IDS_PER_STATEMENT).map((row) => row.document_id)
    past.push(...(await loadPast(db, ids, Number(first))))
  }
  return [...now, ...past]
}

/** The states of documents from a revision on, and the one that each was in before it. */
async function loadPast(db: Kysely<Tables>, ids: readonly string[], first: number): Promise<readonly DocumentState[]> {
  const rows = await db
    .selectFrom('document_revisions as state')
    .select(['state.document_id as id', 'state.kind', 'state.name', 'state.body', 'state.enabled', 'state.deleted'])
    .where('state.document_id', 'in', ids)
    .where(({ or, eb, selectFrom }) =>
      or([
        eb('state.revision', '>=', first),
        eb(
          'state.revision',
          '=',
          selectFrom('document_revisions as earlier')
            .select(({ fn }) => fn.max('earlier.revision').as('revision'))
            .whereRef('earlier.document_id', '=', 'state.document_id')
            .where('earlier.revision', '<', first),
        ),
      ]),
    )
    .execute()
  return rows.map(({ enabled, deleted, ...row }) => ({ ...row, effective: enabled === 1 && deleted === 0 }))
}

/** What does not read as a duration counts as the longest: a bound is never too early. */
function ttlOf(ttl: unknown): number {
  if (ttl === undefined) return DEFAULT_TTL_SECONDS
  const ms = typeof ttl === 'string' ? parseDurationMs(ttl) : undefined
  return ms === undefined ? MAX_TTL_SECONDS : Math.min(ms / 1000, MAX_TTL_SECONDS)
}

function saysLastKnownGood(body: string): boolean {
  const { spec } = JSON.parse(body) as {
    readonly spec?: { readonly verification?: { readonly onUnavailable?: unknown } }
  }
  return spec?.verification?.onUnavailable === 'last-known-good'
}
