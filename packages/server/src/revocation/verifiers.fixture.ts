// Verifiers over a real database: what the tests of leases, feed, streams and revoking share.
import { randomBytes } from 'node:crypto'
import { cleanUp, createTestTarget, TEST_ENGINE, type TestScope } from '../../../../test/support/database.ts'
import { createEventLog } from '../audit/index.ts'
import { systemNow } from '../lib/index.ts'
import { MIGRATIONS, type Tables } from '../schema/index.ts'
import { type Database, openDatabase } from '../storage/index.ts'
import type { GrantFacts } from './bounds.ts'
import { createFeed } from './feed.ts'
import { createLeases, type LeaseRequest, type VerifiedService } from './leases.ts'
import { createRevoke, type RegisteredKind } from './revoke.ts'

/** A service whose verifiers may be 30 s behind. */
export const ORDERS: VerifiedService = {
  id: 'svc_orders',
  name: 'orders-api',
  verification: { maxStaleSeconds: 30, onUnavailable: 'deny' },
}

/** What policies have granted, for tests that save none. */
export const FACTS: GrantFacts = {
  services: [
    { id: 'svc_management', name: 'countersign-management', lastKnownGood: false },
    { id: 'svc_orders', name: 'orders-api', lastKnownGood: false },
    { id: 'svc_stock', name: 'stock-api', lastKnownGood: false },
  ],
  grants: [
    { policyId: 'pol_deploy', providerId: 'tp_github', serviceId: 'svc_orders', ttlSeconds: 900 },
    { policyId: 'pol_stock', providerId: 'tp_k8s', serviceId: 'svc_stock', ttlSeconds: 3600 },
    { policyId: 'pol_admins', providerId: 'tp_github', serviceId: 'svc_management', ttlSeconds: 900 },
  ],
}

const REGISTERED: Readonly<Record<Exclude<RegisteredKind, 'subject'>, readonly string[]>> = {
  workload: ['wl_ci'],
  policy: ['pol_deploy', 'pol_stock'],
  provider: ['tp_github', 'tp_k8s'],
  service: ['svc_orders', 'svc_stock'],
  signing_key: ['kid-1'],
}

/** One server process over a database. */
export function replicaOf(database: Database<Tables>, { facts = FACTS }: { readonly facts?: GrantFacts } = {}) {
  const eventLog = createEventLog({ database, now: systemNow })
  const feed = createFeed({ database })
  const leases = createLeases({ database, eventLog, feed })
  const revoke = createRevoke({
    database,
    eventLog,
    // Every subject has been seen, except those named as strangers.
    find: async (kind, value) =>
      kind === 'subject'
        ? [value].find((subject) => !subject.startsWith('stranger'))
        : REGISTERED[kind].find((known) => known === value),
    facts: async () => facts,
    managementId: 'svc_management',
    now: systemNow,
  })
  return { database, eventLog, feed, leases, revoke }
}

/** Replicas over one database: two on PostgreSQL, one where there can be only one (it is both). */
export async function openReplicas(t: TestScope) {
  const target = await createTestTarget(t)
  const open = async () => {
    const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
    cleanUp(t, () => database.close())
    return replicaOf(database)
  }
  const one = await open()
  return { one, other: TEST_ENGINE === 'postgres' ? await open() : one, open }
}

/** A name that no other verifier process has. */
export function newInstance(): string {
  return randomBytes(16).toString('base64url')
}

/** A request for a lease at a position. */
export function leaseRequest(change: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    workloadId: 'wl_orders',
    instance: newInstance(),
    service: ORDERS,
    applied: 0,
    tag: '',
    acceptedWithoutLease: undefined,
    ...change,
  }
}
