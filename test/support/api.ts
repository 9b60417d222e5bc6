// The management API over small in-memory domain objects, for tests whose subject is HTTP. Tests of behaviour behind HTTP use the
// real administration on a real database instead.
import assert from 'node:assert/strict'
import {
  type Actor,
  type Administration,
  ALL_MANAGEMENT_SCOPES,
  LOCAL_SOCKET_ACTOR,
  type Plan,
} from '../../packages/server/src/admin/index.ts'
import type { RecordedEvent } from '../../packages/server/src/audit/index.ts'
import { ServiceError } from '../../packages/server/src/errors.ts'
import {
  API_OPERATIONS,
  type ApiDependencies,
  createApiRoutes,
  RESOURCE_NOUNS,
} from '../../packages/server/src/http/api/index.ts'
import { createApp, type HttpApp, type ListenerName } from '../../packages/server/src/http/index.ts'
import { newId } from '../../packages/server/src/lib/index.ts'
import type { KindName, Resource, ResourceDocument } from '../../packages/server/src/resources/index.ts'
import type { FeedPage, ReceiptDocument } from '../../packages/server/src/revocation/index.ts'

/** The issuer of the app under test. */
export const ISSUER = 'https://sts.acme.example'

/** Every management scope. */
export const ALL_SCOPES: ReadonlySet<string> = new Set(ALL_MANAGEMENT_SCOPES)

const NOW = new Date('2026-11-24T09:04:07Z')

/** A bearer token that the test's `authenticate` understands: it names its scopes. */
export function tokenFor(...scopes: readonly string[]): string {
  return `test.${Buffer.from(scopes.join(' ')).toString('base64url')}.x`
}

/** A token with every scope. */
export const FULL_TOKEN: string = tokenFor(...ALL_SCOPES)

async function authenticate(token: string): Promise<Actor | undefined> {
  const scopes = /^test\.([A-Za-z0-9_-]*)\.x$/.exec(token)?.[1]
  if (scopes === undefined) return undefined
  const names = Buffer.from(scopes, 'base64url').toString().split(' ').filter(Boolean)
  return { id: 'wl_pipeline', kind: 'workload', scopes: new Set(names), policyId: 'pol_admins' }
}

/** A policy document as a caller sends it. */
export function policyDocument(name: string, change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    apiVersion: 'countersign/v1',
    kind: 'TrustPolicy',
    metadata: { name, owner: 'team:orders', purpose: 'deploys orders' },
    spec: { provider: 'github-acme', ...change },
  }
}

function createAdministration(): Administration {
  const stored = new Map<string, Resource & { plural: string }>()
  const deleted = new Map<string, Resource & { plural: string }>()
  let revision = 0
  const kindOf = (plural: string) => RESOURCE_NOUNS.find((noun) => noun.plural === plural)?.kind
  const find = (plural: string, key: string) => {
    const found = [...stored.values()].find(
      (resource) => resource.plural === plural && (resource.id === key || resource.document.metadata.name === key),
    )
    if (!found) throw new ServiceError('not_found', { detail: `no ${plural} ${key}` })
    return found
  }
  const parse = (value: unknown): ResourceDocument => {
    const document = value as ResourceDocument
    if (typeof document?.metadata?.name !== 'string') {
      throw new ServiceError('validation_failed', {
        problems: [{ pointer: '/metadata/name', code: 'required', detail: 'a name is required', fix: 'add it' }],
      })
    }
    return document
  }
  const save = (resource: Resource & { plural: string }) => {
    stored.set(resource.id, resource)
    return resource
  }
  const held = (plural: string, id: string, ifMatch: number | undefined) => {
    const resource = find(plural, id)
    if (ifMatch !== undefined && ifMatch !== resource.revision) throw new ServiceError('precondition_failed')
    return resource
  }
  const plan = async ({ documents }: { documents: readonly unknown[] }): Promise<Plan> => ({
    changes: documents.map((document) => ({
      action: 'create' as const,
      kind: 'TrustPolicy',
      name: parse(document).metadata.name,
      id: undefined,
      differences: [{ pointer: '', after: '{}' }],
      effect: 'widens' as const,
      reasons: ['a new policy admits whom it matches'],
      problems: [],
    })),
    problems: [],
    widens: true,
    hash: 'plan_0123456789',
    baseRevision: revision,
  })
  return {
    plan,
    async apply(input) {
      const planned = await plan(input)
      if (input.allowWidening !== planned.hash) throw new ServiceError('widening_refused')
      if (input.dryRun === true) return { plan: planned, revision, applied: false }
      for (const document of input.documents) await this.create({ actor: input.actor, document })
      return { plan: planned, revision, applied: true }
    },
    async create({ document: value }) {
      const document = parse(value)
      const noun = RESOURCE_NOUNS.find(({ kind }) => kind === document.kind)
      if (!noun) throw new ServiceError('validation_failed')
      if (
        [...stored.values()].some(
          (r) => r.plural === noun.plural && r.document.metadata.name === document.metadata.name,
        )
      ) {
        throw new ServiceError('conflict', { detail: 'the name is taken' })
      }
      revision += 1
      return save({
        id: newId('pol', NOW),
        plural: noun.plural,
        document,
        revision,
        enabled: true,
        createdAt: NOW,
        updatedAt: NOW,
      })
    },
    async replace({ plural, id, document, ifMatch }) {
      const resource = held(plural, id, ifMatch)
      revision += 1
      return save({ ...resource, document: parse(document), revision })
    },
    async patch({ plural, id, patch, ifMatch }) {
      const resource = held(plural, id, ifMatch)
      revision += 1
      const spec = { ...resource.document.spec, ...(patch as { spec?: object }).spec }
      return save({ ...resource, document: { ...resource.document, spec }, revision })
    },
    async remove({ plural, id, ifMatch }) {
      const resource = held(plural, id, ifMatch)
      revision += 1
      stored.delete(resource.id)
      deleted.set(resource.id, resource)
    },
    async restore({ plural, id }) {
      const resource = deleted.get(id)
      if (resource?.plural !== plural) throw new ServiceError('not_found')
      deleted.delete(id)
      revision += 1
      return save({ ...resource, revision })
    },
    async setEnabled({ plural, id, enabled, ifMatch }) {
      const resource = held(plural, id, ifMatch)
      revision += 1
      return save({ ...resource, enabled, revision })
    },
    async get(plural, key) {
      return find(plural, key)
    },
    async list({ plural, after, limit, filter }) {
      const all = [...stored.values()]
        .filter((resource) => resource.plural === plural)
        .filter((resource) => filter?.owner === undefined || resource.document.metadata.owner === filter.owner)
        .sort((a, b) => (a.document.metadata.name < b.document.metadata.name ? -1 : 1))
        .filter((resource) => after === undefined || resource.document.metadata.name > after)
      const items = all.slice(0, limit)
      return { items, next: all.length > limit ? (items.at(-1)?.document.metadata.name ?? null) : null }
    },
    async export() {
      return [...stored.values()].map(({ document }) => document)
    },
    async lint(documents) {
      return documents.map(() => ({
        document: `${kindOf('trust-policies') as KindName}/x`,
        severity: 'warning' as const,
        code: 'no_review',
        pointer: '/metadata/reviewBy',
        detail: 'no review is planned',
        fix: 'add reviewBy',
      }))
    },
  }
}

function createIdempotency(): ApiDependencies['idempotency'] {
  const answers = new Map<string, { request: string; answer: { status: number; body: string } }>()
  return {
    async once({ actor, key, request }, work) {
      const name = `${actor} ${key}`
      const text = Buffer.from(request).toString('hex')
      const known = answers.get(name)
      if (known && known.request !== text) throw new ServiceError('idempotency_mismatch')
      if (known) return { ...known.answer, repeated: true }
      const answer = await work()
      answers.set(name, { request: text, answer })
      return { ...answer, repeated: false }
    },
  }
}

/** An event as the log returns it. */
export function recordedEvent(change: Partial<RecordedEvent> = {}): RecordedEvent {
  return {
    id: 'evt_1',
    at: NOW,
    kind: 'exchange.decided',
    outcome: 'denied',
    actor: 'workload:wl_1',
    workloadId: 'wl_1',
    data: { code: 'no_matching_policy' },
    body: new Uint8Array(0),
    leafIndex: undefined,
    ...change,
  }
}

/** In-memory dependencies; `override` replaces any of them. */
export function apiDependencies(override: Partial<ApiDependencies> = {}): ApiDependencies {
  return {
    now: () => NOW,
    issuer: ISSUER,
    authenticate,
    localActor: LOCAL_SOCKET_ACTOR,
    administration: createAdministration(),
    idempotency: createIdempotency(),
    events: {
      get: async (id) => (id === 'evt_1' ? recordedEvent() : undefined),
      list: async ({ after }) => ({ items: [recordedEvent({ id: after ?? 'evt_9', leafIndex: 3 })], next: 'evt_9' }),
      checkpoint: async () => ({ size: 4, root: new Uint8Array(32), note: 'log\n4\n', at: NOW }),
      export: async function* () {
        yield '{"line":1}\n'
        yield '{"line":2}\n'
      },
    },
    workloads: {
      get: async (id) => (id === 'wl_1' ? seenWorkload : undefined),
      list: async () => ({ items: [seenWorkload], next: null }),
    },
    receipts: {
      get: async (id) => (id === 'rcpt_1' ? pendingReceipt : undefined),
      list: async ({ after }) => ({ items: [{ ...pendingReceipt, id: after ?? 'rcpt_9' }], next: 'rcpt_9' }),
      waitFor: async () => pendingReceipt,
      wake: () => {},
    },
    revokeCredentials: async () => ({ receiptId: 'rcpt_1', eventId: 'evt_1', revision: 4, committedAt: NOW }),
    feed: { page: async ({ after }) => ({ ...feedPage, after }) },
    revocationStreams: {
      open: () => {
        const pages = [feedPage]
        return { next: async () => pages.shift(), close: () => {} }
      },
    },
    leases: {
      grant: async ({ applied }) =>
        applied === feedPage.head
          ? { granted: true, head: applied, maxStaleSeconds: 30, onUnavailable: 'deny' }
          : { granted: false, reason: 'behind', feed: feedPage },
      end: async () => {},
    },
    findVerifiedService: (name) =>
      name === 'orders-api'
        ? { id: 'svc_orders', name, verification: { maxStaleSeconds: 30, onUnavailable: 'deny' } }
        : undefined,
    verifierKeys: () => ['log.example+00000000+AQ==', 'log.example/receipts+00000000+AQ=='],
    explain: async (id) => (id === 'evt_1' ? explanation : undefined),
    generatePolicy: async (id) => {
      if (id !== 'evt_1') throw new ServiceError('not_found')
      return { document: policyDocument('generated') as unknown as ResourceDocument, notes: ['mode is shadow'] }
    },
    inspectProof: async () => explanation,
    testPolicy: async () => [{ index: 0, expected: 'allow', passed: true, detail: '' }],
    listSigningKeys: async () => [signingKey],
    rotateSigningKey: async () => ({ successor: signingKey, predecessor: signingKey, activatesAt: NOW }),
    revokeSigningKey: async () => ({
      revoked: signingKey,
      revokedSuccessor: undefined,
      replacement: signingKey,
      receipt: pendingReceipt,
    }),
    countSigningKeyUses: async ({ from, to }) => ({
      ...{ from, to, issuances: 2, signed: 1, unsigned: 1, pending: 0, reconciled: true },
      keys: [
        {
          ...{ kid: 'k1', issuances: 2, signed: 1, unsigned: 1, pending: 0 },
          byPolicy: [{ policyId: 'pol_1', issuances: 2, signed: 1, unsigned: 1, pending: 0 }],
          byHour: [{ hour: NOW, issuances: 2, signed: 1, unsigned: 1, pending: 0 }],
        },
      ],
    }),
    sealStatus: async () => ({
      ...{ form: 'envelope', provider: 'file', location: '/var/lib/countersign/kek', opens: true, problem: undefined },
      wrappings: [{ provider: 'file', keyId: 'k', at: NOW, current: true }],
    }),
    schemaOf: (kind) => (kind === 'TrustPolicy' ? { type: 'object' } : undefined),
    status: async () => ({
      version: '0.1.0',
      issuer: ISSUER,
      engine: 'embedded',
      startedAt: NOW,
      leader: true,
      revision: 3,
      revisionAgeMs: 12,
      audit: { pending: 0, oldestAgeMs: 0, size: 4 },
      faults: [],
    }),
    ...override,
  }
}

const signingKey = {
  kid: 'k1',
  purpose: 'access_token',
  alg: 'ES256',
  state: 'active',
  createdAt: NOW,
  publishedAt: NOW,
  activeAt: NOW,
  retiredAt: undefined,
  removedAt: undefined,
  destroyedAt: undefined,
  revokedAt: undefined,
  activateAt: undefined,
} as const

/** The feed of the app under test: one revocation. */
export const feedPage: FeedPage = {
  after: 0,
  through: 3,
  tag: 'AAAAAAAAAAAAAAAA',
  head: 3,
  expiredUpTo: new Date(0),
  entries: [
    {
      revision: 2,
      kind: 'jti',
      value: 'jti_1',
      upToRevision: undefined,
      issuedBefore: undefined,
      at: NOW,
      expiresAt: new Date(NOW.getTime() + 900_000),
    },
  ],
  more: false,
}

const seenWorkload = {
  id: 'wl_1',
  subject: 'countersign://sts.acme.example/workload/tp_1/orders',
  providerId: 'tp_1',
  firstSeenAt: NOW,
  lastSeenAt: NOW,
  environments: ['production'],
}

/** A receipt that waits for its followers. */
export const pendingReceipt: ReceiptDocument = {
  id: 'rcpt_1',
  state: 'pending',
  waiting_for: 'followers',
  kind: 'policy',
  value: 'pol_1',
  revision: 4,
  reason: 'left the company',
  actor: 'local-socket',
  committed_at: NOW.toISOString(),
  effective_everywhere_at: new Date(NOW.getTime() + 30_000).toISOString(),
  followers: [
    {
      ...{ id: 'wl_1/AAAAAAAAAAAAAAAAAAAAAA', workload_id: 'wl_1', service: 'svc_1', confirmed_at: null },
      lease_until: new Date(NOW.getTime() + 30_000).toISOString(),
    },
  ],
  services: [
    {
      ...{ id: 'svc_1', name: 'orders', followers: 1, why: 'followers' },
      may_accept_until: new Date(NOW.getTime() + 30_000).toISOString(),
    },
  ],
  event_id: 'evt_1',
  final_at: null,
  note: null,
  proof: null,
}

const explanation = {
  id: 'evt_1',
  at: NOW,
  outcome: 'denied' as const,
  code: 'no_matching_policy',
  headline: 'environment does not match',
  callerSaw: { status: 400, error: 'invalid_target' },
  workloadId: 'wl_1',
  provider: { id: 'tp_1', name: 'github-acme' },
  service: undefined,
  steps: [{ step: 'policy' as const, outcome: 'failed' as const, detail: '0 of 1 matched' }],
  policies: [
    {
      id: 'pol_1',
      name: 'deploy',
      revision: 2,
      mode: 'enforce' as const,
      conditions: [
        { claim: 'environment', operator: 'eq', expected: 'production', actual: undefined, outcome: 'absent' as const },
      ],
      failing: 1,
    },
  ],
  fixes: ['add `environment: production` to the job'],
  claims: undefined,
  tookMicroseconds: undefined,
  notes: ['the claims are no longer kept'],
}

/** How a request is sent. */
export interface Send {
  readonly body?: unknown
  /** The raw body instead of JSON of `body`. */
  readonly raw?: string | Uint8Array<ArrayBuffer> | ReadableStream
  readonly headers?: Readonly<Record<string, string>>
  /** Bearer token; null sends none. Default: one with every scope. */
  readonly token?: string | null
  readonly listener?: ListenerName
}

/** The app under test, without a port. Every successful JSON answer is held against the operation's documented schema. */
export interface ApiUnderTest {
  readonly app: HttpApp
  readonly logged: Readonly<Record<string, unknown>>[]
  send(method: string, path: string, send?: Send): Promise<Response>
}

/** Creates the app under test over in-memory dependencies. */
export function createApiUnderTest(override: Partial<ApiDependencies> = {}): ApiUnderTest {
  const logged: Readonly<Record<string, unknown>>[] = []
  const deps = apiDependencies(override)
  const app = createApp({
    now: deps.now,
    log: { error: (fields, message) => logged.push({ ...fields, message }) },
    issuer: ISSUER,
    routes: createApiRoutes(deps),
  })
  return {
    app,
    logged,
    async send(method, path, { body, raw, headers = {}, token = FULL_TOKEN, listener } = {}) {
      const response = await app.request(
        path,
        {
          method,
          headers: {
            ...(token === null ? {} : { authorization: `Bearer ${token}` }),
            ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(raw === undefined ? (body === undefined ? {} : { body: JSON.stringify(body) }) : { body: raw }),
        },
        listener === undefined ? {} : { listener },
      )
      await assertDocumented(method, path, response.clone())
      return response
    },
  }
}

async function assertDocumented(method: string, path: string, response: Response): Promise<void> {
  if (response.status >= 300 || method === 'HEAD') return
  const { pathname } = new URL(path, ISSUER)
  const candidates = API_OPERATIONS.filter(
    (entry) =>
      entry.method === method && new RegExp(`^${entry.path.replaceAll(/\{[a-z]+\}/g, '[^/]+')}$`).test(pathname),
  )
  const operation = candidates.find((entry) => entry.path === pathname) ?? candidates[0]
  const reply = operation?.replies[response.status]
  assert.ok(reply, `${method} ${path} answered ${response.status}, which is not documented`)
  if (reply.schema === undefined) return
  const result = reply.schema.safeParse(await response.json())
  assert.ok(result.success, `${method} ${path}: ${result.error?.message}`)
}
