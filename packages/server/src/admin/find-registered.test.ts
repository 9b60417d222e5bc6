import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createWorkloadRegistry } from '../inventory/index.ts'
import { ALL, openAdministration } from './administration.test-support.ts'
import { createFindRegistered } from './find-registered.ts'

const SUBJECT = 'countersign://sts.acme.example/workload/tp_1/repository_id/456789'

it('what can be revoked is found by id or name, of its own kind only, and nothing else is', async (t) => {
  const { apply, byName, database, resources, now } = await openAdministration(t)
  await apply([
    ...ALL,
    {
      apiVersion: 'countersign/v1',
      kind: 'Workload',
      metadata: { name: 'deployer', owner: 'team:orders', purpose: 'deploys', environment: 'production' },
      spec: { subject: SUBJECT },
    },
  ])
  const workloads = createWorkloadRegistry({ database, now })
  const find = createFindRegistered({
    resources,
    workloads,
    tokenKeys: () => [{ kid: 'kid-1' }],
    management: { id: 'svc_management', name: 'countersign-management' },
  })
  const { id: registered } = await byName('workloads', 'deployer')
  assert.equal(await find('workload', 'deployer'), undefined, 'registered, and never seen: no token names it')
  // Noted, and not written yet.
  workloads.seen({ id: 'wl_seen', subject: SUBJECT, providerId: 'tp_1', environment: 'production' })
  for (const value of ['wl_seen', 'deployer', registered]) assert.equal(await find('workload', value), 'wl_seen', value)
  assert.equal(await find('subject', SUBJECT), SUBJECT)
  const { id: policy } = await byName('trust-policies', 'deploy-orders')
  const { id: provider } = await byName('trust-providers', 'github-acme')
  const { id: service } = await byName('services', 'orders-api')
  const known = [
    ['policy', 'deploy-orders', policy],
    ['policy', policy, policy],
    ['provider', 'github-acme', provider],
    ['service', 'orders-api', service],
    ['service', 'countersign-management', 'svc_management'],
    ['signing_key', 'kid-1', 'kid-1'],
  ] as const
  for (const [kind, value, id] of known) assert.equal(await find(kind, value), id, `${kind} ${value}`)
  const unknown = [
    ['policy', service],
    ['policy', 'orders-api'],
    ['provider', policy],
    ['service', 'github-acme'],
    ['workload', SUBJECT],
    ['workload', 'wl_none'],
    ['subject', 'wl_seen'],
    ['subject', `${SUBJECT}0`],
    ['signing_key', 'kid-2'],
    ['policy', '__proto__'],
  ] as const
  for (const [kind, value] of unknown) assert.equal(await find(kind, value), undefined, `${kind} ${value}`)
})
