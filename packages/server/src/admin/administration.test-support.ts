import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import { createEventLog } from '../audit/index.ts'
import { createResourceStore, type ResourceDocument } from '../resources/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { LOCAL_SOCKET_ACTOR } from './actor.ts'
import { createAdministration } from './administration.ts'
import { KINDS } from './kinds.ts'
import { managementService } from './management-service.ts'
import type { Actor } from './types.ts'

export const ISSUER = 'https://sts.acme.example'
export const MANAGEMENT_AUDIENCE = `${ISSUER}/v1`

type Members = Record<string, unknown>

/** A deep copy with some members replaced; undefined removes one. Paths are written `spec.match.ref`. */
export function changed<T>(document: T, changes: Members): T {
  const copy = structuredClone(document) as Members
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.')
    let at = copy
    for (const step of steps.slice(0, -1)) {
      at[step] ??= {}
      at = at[step] as Members
    }
    const last = steps.at(-1) ?? ''
    if (value === undefined) delete at[last]
    else at[last] = value
  }
  return copy as T
}

export const TEAM = { apiVersion: 'countersign/v1', kind: 'Team', metadata: { name: 'orders' }, spec: {} }

export const PROVIDER = {
  apiVersion: 'countersign/v1',
  kind: 'TrustProvider',
  metadata: { name: 'github-acme', owner: 'team:orders', purpose: 'CI of acme', reviewBy: '2027-05-01' },
  spec: {
    preset: 'github-actions',
    issuer: 'https://token.actions.githubusercontent.com',
    audience: 'https://sts.acme.example',
    require: { repository_owner_id: '123456' },
  },
}

export const SERVICE = {
  apiVersion: 'countersign/v1',
  kind: 'Service',
  metadata: { name: 'orders-api', owner: 'team:orders', purpose: 'takes orders', environment: 'production' },
  spec: {
    audience: 'https://orders.acme.internal',
    scopes: ['orders:read', 'orders:write', 'orders:deploy'],
    verification: { maxStale: '30s', onUnavailable: 'deny' },
  },
}

const CLAIMS = {
  repository_owner_id: '123456',
  repository_id: '456789',
  ref: 'refs/heads/main',
  environment: 'production',
  event_name: 'push',
  job_workflow_ref: 'acme/deploy/.github/workflows/release.yml@refs/heads/main',
}

export const POLICY = {
  apiVersion: 'countersign/v1',
  kind: 'TrustPolicy',
  metadata: {
    name: 'deploy-orders',
    owner: 'team:orders',
    purpose: 'deploys the orders API',
    environment: 'production',
    reviewBy: '2027-05-01',
  },
  spec: {
    provider: 'github-acme',
    match: {
      repository_id: '456789',
      ref: 'refs/heads/main',
      environment: 'production',
      job_workflow_ref: CLAIMS.job_workflow_ref,
      event_name: { in: ['push'] },
    },
    grant: { service: 'orders-api', scopes: ['orders:deploy'], ttl: '15m' },
    limits: { maxProofAge: '10m' },
    mode: 'enforce',
  },
  tests: [{ allow: CLAIMS }, { deny: { change: { event_name: 'pull_request_target' } } }],
}

/** A policy that lets a workflow administer. */
export const ADMIN_POLICY = changed(POLICY, {
  'metadata.name': 'administer',
  'spec.grant': { service: 'countersign-management', scopes: ['role:policy-admin'], ttl: '15m' },
  'spec.match.repository_id': '999',
  tests: undefined,
})

export const ALL = [TEAM, PROVIDER, SERVICE, POLICY]

/** Administration over a fresh database, with a clock that tests move. */
export async function openAdministration(
  scope: TestScope,
  wrap: (database: Database<Tables>) => Database<Tables> = (database) => database,
) {
  let at = Date.parse('2026-11-24T10:00:00Z')
  const now = () => new Date(at)
  const database = wrap(await openTestDatabase(scope, { now }))
  const resources = createResourceStore({ database, kinds: KINDS, now })
  const eventLog = createEventLog({ database, now })
  const replica = () =>
    createAdministration({
      database,
      resources,
      eventLog,
      management: managementService({ audience: MANAGEMENT_AUDIENCE }),
      issuer: ISSUER,
      now,
    })
  const administration = replica()
  const socket = LOCAL_SOCKET_ACTOR
  return {
    database,
    resources,
    eventLog,
    administration,
    /** Another administration of the same database, with a memory of its own. */
    replica,
    now,
    advance: (ms: number) => {
      at += ms
    },
    /** Applies with the hash of its own plan, as somebody who has read the diff. */
    async apply(documents: readonly unknown[], options: { actor?: Actor; set?: string } = {}) {
      const input = {
        actor: options.actor ?? socket,
        documents,
        ...(options.set === undefined ? {} : { prune: { set: options.set } }),
      }
      const plan = await administration.plan(input)
      return administration.apply({ ...input, allowWidening: plan.hash })
    },
    plan: (documents: readonly unknown[], actor: Actor = socket) => administration.plan({ actor, documents }),
    revocations: () => database.read.selectFrom('revocations').selectAll().orderBy('revision').execute(),
    events: () => database.read.selectFrom('events').selectAll().orderBy('id').execute(),
    byName: async (plural: string, name: string) => administration.get(plural, name),
    exported: (): Promise<readonly ResourceDocument[]> => administration.export(),
  }
}
