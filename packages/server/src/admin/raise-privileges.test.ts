import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServiceError } from '../errors.ts'
import { workloadActor } from './actor.ts'
import {
  ADMIN_POLICY,
  ALL,
  changed,
  openAdministration,
  POLICY,
  PROVIDER,
  SERVICE,
} from './administration.test-support.ts'

// Invariant 10, as attacks on the whole administration: an actor with a policy-admin's scopes tries to get more, each time by another
// door. The owner's policy is the prize.
const OWNER_POLICY = changed(ADMIN_POLICY, {
  'metadata.name': 'own-everything',
  'spec.grant': { service: 'countersign-management', scopes: ['role:owner'], ttl: '15m' },
  'spec.match.repository_id': '1000',
})

async function open(t: Parameters<typeof openAdministration>[0]) {
  const admin = await openAdministration(t)
  await admin.apply([...ALL, ADMIN_POLICY, OWNER_POLICY])
  const own = await admin.byName('trust-policies', 'administer')
  const actor = workloadActor({ workloadId: 'wl_attacker', scopes: ['role:policy-admin'], policyId: own.id })
  const owner = await admin.byName('trust-policies', 'own-everything')
  return { ...admin, actor, owner }
}

const refused =
  (...codes: string[]) =>
  (error: unknown) =>
    error instanceof ServiceError && codes.includes(error.code)

describe('a policy-admin cannot raise itself', () => {
  it('by rewriting a policy of the owner while putting it to sleep, for somebody else to wake', async (t) => {
    const { apply, actor, owner, administration } = await open(t)
    const rewritten = changed(OWNER_POLICY, { 'spec.mode': 'shadow', 'spec.match.repository_id': '666' })
    await assert.rejects(apply([rewritten], { actor }), refused('escalation_refused'))
    await assert.rejects(
      administration.replace({ actor, plural: 'trust-policies', id: owner.id, document: rewritten }),
      refused('escalation_refused'),
    )
    await assert.rejects(
      administration.patch({
        actor,
        plural: 'trust-policies',
        id: 'own-everything',
        patch: { spec: { mode: 'shadow', grant: { ttl: '1h' } } },
      }),
      refused('escalation_refused'),
    )
  })

  it('by giving its own policy more scopes while putting it to sleep', async (t) => {
    const { apply, actor } = await open(t)
    const more = changed(ADMIN_POLICY, { 'spec.mode': 'shadow', 'spec.grant.scopes': ['role:owner'] })
    await assert.rejects(apply([more], { actor }), refused('escalation_refused'))
  })

  it('but may put one to sleep as it is: narrowing is free', async (t) => {
    const { apply, actor, byName } = await open(t)
    await apply([changed(OWNER_POLICY, { 'spec.mode': 'shadow' })], { actor })
    const stored = await byName('trust-policies', 'own-everything')
    assert.equal(stored.document.spec.mode, 'shadow')
  })

  it('by waking, enabling or restoring what grants more than it holds', async (t) => {
    const { apply, actor, owner, administration } = await open(t)
    await apply([changed(OWNER_POLICY, { 'spec.mode': 'shadow' })], { actor })
    await assert.rejects(apply([OWNER_POLICY], { actor }), refused('escalation_refused'))
    const plural = 'trust-policies'
    await administration.setEnabled({ actor, plural, id: owner.id, enabled: false })
    await assert.rejects(
      administration.setEnabled({ actor, plural, id: owner.id, enabled: true }),
      refused('escalation_refused'),
    )
    await administration.remove({ actor, plural, id: owner.id })
    await assert.rejects(administration.restore({ actor, plural, id: owner.id }), refused('escalation_refused'))
  })

  it('by a policy in two halves, or through a policy that is deleted and made again in one set', async (t) => {
    const { apply, actor, administration } = await open(t)
    const raise = changed(ADMIN_POLICY, { 'metadata.name': 'second', 'spec.grant.scopes': ['role:owner'] })
    await assert.rejects(apply([raise], { actor }), refused('escalation_refused'))
    await assert.rejects(apply([POLICY, raise, changed(POLICY, {})], { actor }), ServiceError)
    await assert.rejects(apply([changed(raise, { 'spec.mode': 'shadow' })], { actor }), refused('escalation_refused'))
    const plural = 'trust-policies'
    await administration.remove({ actor, plural, id: 'own-everything' })
    await assert.rejects(apply([OWNER_POLICY], { actor }), refused('escalation_refused'))
  })

  it('by a service that stands for the management API', async (t) => {
    const { apply, actor } = await open(t)
    for (const audience of [
      'https://sts.acme.example/v1',
      'https://sts.acme.example/v1/',
      'https://sts.acme.example',
    ]) {
      const service = changed(SERVICE, { 'metadata.name': 'mine', 'spec.audience': audience })
      await assert.rejects(apply([service], { actor }), refused('validation_failed'))
    }
    const named = changed(SERVICE, { 'metadata.name': 'countersign-management', 'spec.audience': 'https://x.example' })
    await assert.rejects(apply([named], { actor }), refused('validation_failed'))
  })

  it('by a kind whose scope it does not hold, in a set with one whose scope it holds', async (t) => {
    const { apply, actor } = await open(t)
    const wider = changed(PROVIDER, { 'spec.require': { repository_id: '456789' } })
    await assert.rejects(apply([POLICY, wider], { actor }), refused('forbidden'))
  })

  it('by admitting itself with a longer life or to another of its own jobs', async (t) => {
    const { apply, actor } = await open(t)
    await assert.rejects(
      apply([changed(ADMIN_POLICY, { 'spec.grant.ttl': '1h' })], { actor }),
      refused('escalation_refused'),
    )
    const second = changed(ADMIN_POLICY, { 'metadata.name': 'again', 'spec.match.ref': 'refs/heads/other' })
    await assert.rejects(apply([second], { actor }), refused('escalation_refused'))
  })
})
