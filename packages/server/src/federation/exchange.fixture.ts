import { createHash, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto'
import { createDpopVerifier } from '@countersign/sdk'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import { createAttestors } from '../attestors/index.ts'
import { createEventLog } from '../audit/index.ts'
import { type JsonObject, newId } from '../lib/index.ts'
import { buildSnapshot, type PolicySnapshot } from '../policy/index.ts'
import type { KindName, Resource } from '../resources/index.ts'
import { createRevocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import { createKeyRing, createSealKey } from '../signing-keys/index.ts'
import type { Database } from '../storage/index.ts'
import { createOwnTokens } from '../tokens/index.ts'
import { createAdmission, type RateLimits } from './admission.ts'
import { createExchange, type ExchangeResult } from './exchange.ts'
import { type Instance, startInstance } from './instance.ts'
import { createLedger } from './ledger.ts'
import { createEarlyRefusals } from './refusals.ts'
import type { ExchangeRequest } from './request.ts'
import { createSenderCheck, type SenderEvidence } from './sender.ts'
import { createUnsignedRecorder } from './unsigned.ts'

/** The issuer of the service under test. */
export const ISSUER = 'https://sts.acme.example'
/** What DPoP proofs for the exchange name. */
export const TOKEN_ENDPOINT = `${ISSUER}/oauth/token`
/** The one service's audience. */
export const AUDIENCE = 'https://orders.acme.internal'
const PROOF_AUDIENCE = ISSUER
const GITHUB = 'https://github.acme.example/_services/token'

/** A GitHub-like issuer whose keys are inline in its provider. */
export interface ProofIssuer {
  readonly jwks: JsonObject
  sign(changes?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string
}

/** Makes an issuer of proofs with an algorithm of its own. */
export function createProofIssuer(now: () => Date, alg: 'RS256' | 'ES256' = 'RS256'): ProofIssuer {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  return {
    jwks: { keys: [{ ...jwk, kid, alg, use: 'sig' }] } as JsonObject,
    sign: (changes = {}, header = {}) =>
      signCompact(privateKey, { typ: 'JWT', alg, kid, ...header }, { ...githubClaims(now()), ...changes }),
  }
}

function signCompact(key: KeyObject, header: object, claims: object): string {
  const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${segment(header)}.${segment(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

function githubClaims(now: Date): Readonly<Record<string, unknown>> {
  const seconds = Math.floor(now.getTime() / 1000)
  return {
    iss: GITHUB,
    aud: PROOF_AUDIENCE,
    sub: 'repo:acme@123456/orders@456789:environment:production',
    jti: randomUUID(),
    iat: seconds,
    nbf: seconds - 60,
    exp: seconds + 300,
    repository: 'acme/orders',
    repository_id: '456789',
    repository_owner: 'acme',
    repository_owner_id: '123456',
    ref: 'refs/heads/main',
    environment: 'production',
    event_name: 'push',
    job_workflow_ref: 'acme/orders/.github/workflows/deploy.yml@refs/heads/main',
    runner_environment: 'github-hosted',
  }
}

/** A stored resource as the store would give it. */
export function resourceFixture(kind: KindName, name: string, spec: JsonObject, environment?: string): Resource {
  return {
    id: `${kind === 'TrustProvider' ? 'tp' : kind === 'Service' ? 'svc' : 'pol'}_${name}`,
    revision: 1,
    enabled: true,
    createdAt: new Date(0),
    updatedAt: new Date(0),
    document: {
      apiVersion: 'countersign/v1',
      kind,
      metadata: {
        name,
        owner: 'team:platform',
        purpose: 'tests the exchange',
        reviewBy: '2099-01-01',
        ...(environment ? { environment } : {}),
      },
      spec,
    },
  }
}

/** The provider of an issuer's proofs. */
export function providerResource(issuer: ProofIssuer, name = 'github', changes: JsonObject = {}): Resource {
  return resourceFixture('TrustProvider', name, {
    preset: 'github-actions',
    issuer: GITHUB,
    audience: PROOF_AUDIENCE,
    keys: { jwks: issuer.jwks },
    require: { repository_owner_id: '123456' },
    ...changes,
  })
}

/** The service that tokens are for. */
export function serviceResource(): Resource {
  return resourceFixture(
    'Service',
    'orders',
    { audience: AUDIENCE, scopes: ['orders:read', 'orders:deploy'] },
    'production',
  )
}

/** A policy that admits the deploy job. */
export function policyResource(name = 'deploy', changes: JsonObject = {}): Resource {
  return resourceFixture(
    'TrustPolicy',
    name,
    {
      provider: 'github',
      match: {
        repository_id: '456789',
        ref: 'refs/heads/main',
        environment: 'production',
        event_name: { in: ['push'] },
      },
      grant: { service: 'orders', scopes: ['orders:deploy'], ttl: '15m' },
      mode: 'enforce',
      ...changes,
    },
    'production',
  )
}

/** The whole exchange over a real database, with a clock and switches for what goes wrong. */
export interface ExchangeFixture {
  readonly database: Database<Tables>
  readonly clock: { now: Date; monotonicMs: number; headAgeMs: number; maySign: boolean }
  readonly issuer: ProofIssuer
  readonly keyRing: Awaited<ReturnType<typeof createKeyRing>>
  readonly ownTokens: ReturnType<typeof createOwnTokens>
  readonly eventLog: ReturnType<typeof createEventLog>
  readonly revocations: Awaited<ReturnType<typeof createRevocations>>
  readonly refusals: ReturnType<typeof createEarlyRefusals>
  readonly failures: unknown[]
  setResources(resources: readonly Resource[]): void
  exchange(
    proof: string,
    changes?: Partial<ExchangeRequest>,
    remoteAddress?: string,
    evidence?: SenderEvidence,
  ): Promise<ExchangeResult>
  /** Another process on the same database: its own ledger, memory and instance. */
  secondProcess(): Promise<ExchangeFixture['exchange']>
}

/** Opens the fixture; everything ends with the test. */
export async function openExchange(
  scope: TestScope,
  options: {
    alg?: 'RS256' | 'ES256'
    limits?: Partial<RateLimits>
    maxDpopProofs?: number
    resources?: (issuer: ProofIssuer) => readonly Resource[]
  } = {},
): Promise<ExchangeFixture> {
  // The runner calls hooks in the order of their registration; what was opened last must be closed first.
  const closers: (() => Promise<void> | void)[] = []
  scope.after(async () => {
    for (const close of closers.reverse()) await close()
  })
  const after = (close: () => Promise<void> | void) => void closers.push(close)
  const clock = { now: new Date(), monotonicMs: 0, headAgeMs: 0, maySign: true }
  const now = () => clock.now
  const database = await openTestDatabase({ after }, { now })
  await database.ensurePartitions('proof_claims', clock.now.getTime() + 26 * 3_600_000)
  const eventLog = createEventLog({ database, now })
  const keyRing = await createKeyRing({
    database,
    eventLog,
    sealKey: createSealKey(randomBytes(32)),
    schedule: { publishAheadMs: 86_400_000, activeMs: 30 * 86_400_000, retainMs: 3_660_000 },
    algorithms: ['ES256'],
    now,
  })
  const revocations = await createRevocations({ database, now })
  const ownTokens = createOwnTokens({ issuer: ISSUER, keyRing, revocations, headAgeMs: () => 0, now })
  const failures: unknown[] = []
  const onFailure = (error: unknown) => void failures.push(error)
  const refusals = createEarlyRefusals({ database, eventLog, now, onFailure })
  const issuer = createProofIssuer(now, options.alg)
  const attestors = createAttestors({ ourIssuerHost: 'sts.acme.example', now, onAlarm: () => {} })
  let snapshot: PolicySnapshot
  const setResources = (resources: readonly Resource[]) => {
    snapshot = buildSnapshot({ resources, builtinServices: [], revision: database.revisions.head().revision })
  }
  setResources(options.resources?.(issuer) ?? [providerResource(issuer), serviceResource(), policyResource()])

  const openProcess = async () => {
    const real = await startInstance({
      database,
      bootId: newId('boot', now()),
      now,
      monotonicMs: () => clock.monotonicMs,
      onFailure,
    })
    const instance: Instance = {
      ...real,
      maySign: () => clock.maySign && real.maySign(),
      permit() {
        const permitted = real.permit()
        return () => clock.maySign && permitted()
      },
    }
    const onUnsigned = createUnsignedRecorder({ database, eventLog, revocations, now })
    const ledger = createLedger({ database, instance, now, onUnsigned, onFailure })
    const exchange = createExchange({
      issuer: ISSUER,
      snapshot: () => snapshot,
      headAgeMs: () => clock.headAgeMs,
      attestors,
      ledger,
      refusals,
      admission: createAdmission(
        { perAddressPerSecond: 1e6, perProviderPerSecond: 1e6, perWorkloadPerSecond: 1e6, ...options.limits },
        () => clock.monotonicMs,
      ),
      checkSender: createSenderCheck({
        dpop: createDpopVerifier({
          now,
          ...(options.maxDpopProofs ? { replay: { maxProofs: options.maxDpopProofs } } : {}),
        }),
        tokenEndpoint: TOKEN_ENDPOINT,
      }),
      keyRing,
      defaultAlgorithm: 'ES256',
      maxPending: 4096,
      loopbackProvidersAllowed: false,
      onSeen: () => {},
      now,
    })
    after(async () => {
      await ledger.flush()
      await real.stop()
    })
    const call: ExchangeFixture['exchange'] = (proof, changes = {}, remoteAddress, evidence = {}) =>
      exchange(
        {
          rawSubjectToken: proof,
          targets: [AUDIENCE],
          scopes: undefined,
          ttlSeconds: undefined,
          issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
          ...changes,
        },
        { remoteAddress, ...evidence },
      )
    return call
  }
  after(() => {
    keyRing.close()
    revocations.close()
    attestors.close()
    return refusals.stop()
  })
  return {
    database,
    clock,
    issuer,
    keyRing,
    ownTokens,
    eventLog,
    revocations,
    refusals,
    failures,
    setResources,
    exchange: await openProcess(),
    secondProcess: openProcess,
  }
}
