import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseDocument, type Resource, type ResourceDocument, type ResourceKind } from '../resources/index.ts'
import { personKind, teamKind } from './owner-kinds.ts'
import { compileService } from './service.ts'
import { isAudience, serviceKind } from './service-kind.ts'
import { workloadKind } from './workload-kind.ts'

const KINDS = [serviceKind, teamKind, personKind, workloadKind] as unknown as readonly ResourceKind[]
const metadata = { name: 'orders-api', owner: 'team:orders', purpose: 'takes orders', environment: 'production' }

function service(spec: unknown): unknown {
  return { apiVersion: 'countersign/v1', kind: 'Service', metadata, spec }
}

function pointers(document: unknown): string[] {
  const outcome = parseDocument(document, KINDS)
  assert.ok(!outcome.ok, 'the document was accepted')
  return outcome.problems.map((problem) => problem.pointer)
}

function resource(document: unknown): Resource {
  const outcome = parseDocument(document, KINDS)
  assert.ok(outcome.ok, JSON.stringify(outcome))
  return {
    id: 'svc_1',
    document: outcome.document,
    revision: 7,
    enabled: true,
    createdAt: new Date(0),
    updatedAt: new Date(0),
  }
}

describe('an audience', () => {
  const refused = [
    '',
    'orders',
    'orders.acme.internal',
    '//orders.acme.internal',
    '/orders',
    'https://',
    'https:orders.acme.internal',
    'https:/orders.acme.internal',
    'https://Orders.acme.internal',
    'HTTPS://orders.acme.internal',
    'https://orders.acme.internal:443',
    'https://orders.acme.internal/a/../b',
    'https://orders.acme.internal/#x',
    'https://user@orders.acme.internal',
    'https://orders.acme.internal/ ',
    'https://orders.acme.internal/\n',
    'https://orders.acme.internal/a b',
    'https://оrders.acme.internal',
    'https://orders.acme.internal\\x',
    'urn:',
    'urn:x',
    `https://orders.acme.internal/${'a'.repeat(600)}`,
  ]
  for (const audience of refused) {
    it(`is not ${JSON.stringify(audience.slice(0, 60))}`, () => {
      assert.equal(isAudience(audience), false)
      assert.deepEqual(pointers(service({ audience, scopes: ['a'] })), ['/spec/audience'])
    })
  }

  for (const audience of [
    'https://orders.acme.internal',
    'https://orders.acme.internal/',
    'https://orders.acme.internal:8443/v1',
    'http://127.0.0.1:4000',
    'urn:acme:orders',
    'api://orders',
    'spiffe://acme/orders',
  ]) {
    it(`may be ${audience}`, () => assert.equal(isAudience(audience), true))
  }

  it('is never text with two spellings that a URL parser makes equal', () => {
    fc.assert(
      fc.property(fc.webUrl(), (url) => {
        if (!isAudience(url)) return
        assert.ok(new URL(url).href === url || new URL(url).href === `${url}/`)
      }),
    )
  })
})

describe('a Service document', () => {
  const base = { audience: 'https://orders.acme.internal', scopes: ['orders:read', 'orders:write'] }
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['without scopes', { ...base, scopes: [] }, '/spec/scopes'],
    ['with a scope that holds a space (RFC 6749)', { ...base, scopes: ['a b'] }, '/spec/scopes/0'],
    ['with a scope that holds a quote (RFC 6749)', { ...base, scopes: ['a"b'] }, '/spec/scopes/0'],
    ['with a scope that holds a backslash (RFC 6749)', { ...base, scopes: ['a\\b'] }, '/spec/scopes/0'],
    ['with an empty scope', { ...base, scopes: [''] }, '/spec/scopes/0'],
    ['with a scope twice', { ...base, scopes: ['a', 'a'] }, '/spec/scopes'],
    ['with a read scope that it does not have', { ...base, readScopes: ['orders:list'] }, '/spec/readScopes/0'],
    ['with an unbounded staleness', { ...base, verification: { maxStale: '2h' } }, '/spec/verification/maxStale'],
    ['with a staleness without unit', { ...base, verification: { maxStale: '30' } }, '/spec/verification/maxStale'],
    [
      'that fails open by a word we do not know',
      { ...base, verification: { onUnavailable: 'allow' } },
      '/spec/verification/onUnavailable',
    ],
    ['with a misspelt member', { ...base, audiences: [] }, '/spec/audiences'],
  ]
  for (const [name, spec, pointer] of refused) {
    it(`is refused ${name}`, () => assert.deepEqual(pointers(service(spec)), [pointer]))
  }

  it('is refused without owner, purpose and environment', () => {
    assert.deepEqual(
      pointers({ apiVersion: 'countersign/v1', kind: 'Service', metadata: { name: 'a' }, spec: base }).sort(),
      ['/metadata/environment', '/metadata/owner', '/metadata/purpose'],
    )
  })

  it('compiles with the strict defaults written out', () => {
    assert.deepEqual(compileService(resource(service(base))), {
      id: 'svc_1',
      name: 'orders-api',
      revision: 7,
      enabled: true,
      environment: 'production',
      audience: 'https://orders.acme.internal',
      scopes: ['orders:read', 'orders:write'],
      readScopes: ['orders:read'],
      verification: { maxStaleSeconds: 30, onUnavailable: 'deny' },
    })
  })

  it('does not compile from a stored row that is not a Service (T36)', () => {
    const good = resource(service(base))
    const broken = (change: Partial<ResourceDocument>): Resource => ({
      ...good,
      document: { ...good.document, ...change },
    })
    for (const change of [
      { spec: {} },
      { spec: { ...base, scopes: 'orders:read' } as never },
      { kind: 'Team' as const },
      { metadata: { name: 'a' } },
    ]) {
      assert.throws(() => compileService(broken(change)), TypeError)
    }
  })
})

describe('owners and workloads', () => {
  it('are refused with what is not theirs', () => {
    const document = (kind: string, spec: unknown, more = {}) => ({
      apiVersion: 'countersign/v1',
      kind,
      metadata: { name: 'a', ...more },
      spec,
    })
    assert.deepEqual(pointers(document('Team', { members: ['Ann'] })), ['/spec/members/0'])
    assert.deepEqual(pointers(document('Team', { contact: 'nobody' })), ['/spec/contact'])
    assert.deepEqual(pointers(document('Person', {})), ['/spec/email'])
    const owned = { owner: 'team:a', purpose: 'x', environment: 'production' }
    assert.deepEqual(pointers(document('Workload', { subject: 'repo:a/b' }, owned)), ['/spec/subject'])
    assert.deepEqual(
      pointers(document('Workload', { subject: 'countersign://sts.acme.example/workload/tp_1/1' })).sort(),
      ['/metadata/environment', '/metadata/owner', '/metadata/purpose'],
    )
  })

  it('give their own output back unchanged', () => {
    for (const document of [
      { apiVersion: 'countersign/v1', kind: 'Team', metadata: { name: 'a' }, spec: {} },
      { apiVersion: 'countersign/v1', kind: 'Person', metadata: { name: 'a' }, spec: { email: 'a@acme.example' } },
      service({ audience: 'urn:acme:orders', scopes: ['a'] }),
    ]) {
      const first = parseDocument(document, KINDS)
      assert.ok(first.ok)
      const second = parseDocument(first.document, KINDS)
      assert.ok(second.ok)
      assert.deepEqual(second.document, first.document)
    }
  })
})
