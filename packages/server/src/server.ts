import { mkdirSync } from 'node:fs'
import { createDpopVerifier } from '@countersign/sdk'
import { pino } from 'pino'
import {
  createAdministration,
  createFindRegistered,
  createIdempotency,
  createRevokeCredentials,
  KINDS,
  LOCAL_SOCKET_ACTOR,
  managementService,
  testPolicyDocument,
  workloadActor,
} from './admin/index.ts'
import { createAttestors, type TrustProvider } from './attestors/index.ts'
import {
  type CheckpointSigner,
  createEventLog,
  createLogProofs,
  createSealer,
  formatVerifierKey,
  receiptKeyName,
  toVerifierKey,
} from './audit/index.ts'
import type { Config } from './config.ts'
import { ServiceError } from './errors.ts'
import {
  createAdmission,
  createEarlyRefusals,
  createExchange,
  createExplain,
  createGeneratePolicy,
  createInspectProof,
  createKeyChangeRecorder,
  createLedger,
  createRetention,
  createRevokeOwnToken,
  createSenderCheck,
  createSettlement,
  createUnsignedRecorder,
  startInstance,
} from './federation/index.ts'
import { createApiRoutes } from './http/api/index.ts'
import { createApp, createDirectRoute, createHealthRoutes, describeError, listen, listenLocally } from './http/index.ts'
import { createCertificateThumbprint, createOAuthEndpoints, createVerifyCaller } from './http/oauth/index.ts'
import { databaseTarget, readConfig, type StartOptions } from './installation.ts'
import { createWorkloadRegistry } from './inventory/index.ts'
import { newId, repeat, systemNow } from './lib/index.ts'
import { createSnapshotSource, loadGrantHistory, MAX_TTL_SECONDS } from './policy/index.ts'
import { createResourceStore, jsonSchemaFor } from './resources/index.ts'
import {
  createFeed,
  createLeases,
  createReceipts,
  createRevocationStreams,
  createRevocations,
  createRevoke,
} from './revocation/index.ts'
import { MIGRATIONS, type Tables } from './schema/index.ts'
import { createSealProvider } from './seal.ts'
import {
  countUses,
  createKeyRing,
  type NotePublicKey,
  openSeal,
  type RevokeKeyCommand,
  readSealStatus,
  type Signer,
} from './signing-keys/index.ts'
import { type Database, type Leader, migrateDatabase, openDatabase } from './storage/index.ts'
import { createIntrospect, createOwnTokens } from './tokens/index.ts'
import { VERSION } from './version.ts'

/** A server that is ready. */
export interface RunningServer {
  /** `http://host:port` of the listener. */
  readonly address: string
  /** Path of the administration socket, unless it is off. */
  readonly socketPath: string | undefined
  /** Finishes what is under way, confirms signatures, seals the log, closes the store. */
  stop(): Promise<void>
  /** Settles when the server has ended. */
  readonly closed: Promise<void>
}

/** The longest life of an access token, which a retired key stays published for. */
const MAX_TOKEN_LIFE_MS = MAX_TTL_SECONDS * 1000
/** How long an export waits for the newest events to be sealed. */
const EXPORT_SEAL_WAIT_MS = 3_000
/** With an older look at the revision log nobody knows whose token has been revoked: a stream to its holder ends. */
const MAX_HEAD_AGE_MS = 5_000
const MONOTONIC = () => performance.now()
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', 'localhost']

/**
 * Starts the service: configuration, database, modules, app, listeners. The only place that wires.
 * @throws ServiceError config_invalid, data_directory_unusable, store_corrupt, store_unavailable, schema_newer, schema_older,
 * seal_key_wrong, seal_key_missing, address_unusable; nothing is left running or half made then.
 */
export async function startServer(options: StartOptions = {}): Promise<RunningServer> {
  const config = readConfig(options)
  // Standard error: standard output belongs to the command that started the server.
  const logger = pino(
    {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Pino's own would write messages and every member of an error, and a database's error quotes the row.
      serializers: { err: (error: unknown) => describeError(error), error: (error: unknown) => describeError(error) },
    },
    pino.destination(2),
  )
  const database = await openDatabase<Tables>({
    migrations: MIGRATIONS,
    target: databaseTarget(config),
    now: systemNow,
    logger,
  })
  try {
    return await assemble(config, logger, database)
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Brings the schema of the configured database up to date (`countersign migrate`). */
export function migrate(options: StartOptions = {}): ReturnType<typeof migrateDatabase> {
  return migrateDatabase({ migrations: MIGRATIONS, target: databaseTarget(readConfig(options)), now: systemNow })
}

async function assemble(config: Config, logger: pino.Logger, database: Database<Tables>): Promise<RunningServer> {
  const { issuer, managementAudience } = config
  const now = systemNow
  const startedAt = now()
  const bootId = newId('boot', startedAt)
  const onFailure = (error: unknown) => logger.error({ err: error }, 'background work failed')

  makeDataDirectory(config.dataDirectory)
  // The first events come from making keys, before there is a sealer; it starts with whatever is pending.
  let wakeSealer = () => {}
  const eventLog = createEventLog({ database, now, onAppend: () => wakeSealer() })
  const sealProvider = createSealProvider(config.seal)
  const { sealKey } = await openSeal({ database, provider: sealProvider, now })
  const keyRing = await createKeyRing({
    database,
    eventLog,
    sealKey,
    schedule: {
      publishAheadMs: config.signing.publishAheadMs,
      activeMs: config.signing.activeMs,
      retainMs: MAX_TOKEN_LIFE_MS + 60_000,
    },
    algorithms: config.signing.algorithms,
    now,
  })
  const origin = await logOrigin(database, config)
  const sealer = createSealer({
    database,
    signer: () => noteSigner(origin, keyRing.checkpointSigner(), keyRing.checkpointPublicKeys()),
    origin,
    now,
    holder: bootId,
    onAlarm: ({ kind, detail }) => logger.error({ kind, detail }, 'the audit log is not being sealed'),
  })
  wakeSealer = sealer.wake
  const verifierKeys = () => [
    ...toVerifierKeys(origin, keyRing.checkpointPublicKeys()),
    ...toVerifierKeys(receiptKeyName(origin), keyRing.receiptPublicKeys()),
  ]
  const receipts = createReceipts({
    database,
    eventLog,
    proofs: createLogProofs({ database }),
    signer: () => noteSigner(receiptKeyName(origin), keyRing.receiptSigner(), keyRing.receiptPublicKeys()),
    origin,
    verifierKeys,
    sealer,
    now,
    onFailure,
  })
  const revocations = await createRevocations({ database, now })
  const resources = createResourceStore({ database, kinds: KINDS, now })
  const management = managementService({ audience: managementAudience })
  const snapshots = await createSnapshotSource({
    database,
    loadAll: () => resources.loadAll(),
    builtinServices: [management],
  })
  const recordKeyChange = createKeyChangeRecorder({ database, eventLog, now })
  const attestors = createAttestors({
    ourIssuerHost: config.issuerUrl.host,
    now,
    onAlarm: (alarm) => logger.warn(alarm, 'trust provider'),
    onKeyChange: (change) => void recordKeyChange(change).catch(onFailure),
  })
  const workloads = createWorkloadRegistry({ database, now })
  const instance = await startInstance({ database, bootId, now, monotonicMs: MONOTONIC, onFailure })
  const onUnsigned = createUnsignedRecorder({ database, eventLog, revocations, now })
  const ledger = createLedger({ database, instance, now, onUnsigned, onFailure })
  const refusals = createEarlyRefusals({ database, eventLog, now, onFailure })
  const admission = createAdmission(config.limits, MONOTONIC)
  // Room for 3,000 bound exchanges a second, each from a workload whose proof was accepted.
  const dpopAtTokenEndpoint = createDpopVerifier({ replay: { maxProofs: 300_000 } })
  const exchange = createExchange({
    issuer,
    snapshot: () => snapshots.current(),
    headAgeMs: () => database.revisions.head().ageMs,
    attestors,
    ledger,
    refusals,
    admission,
    checkSender: createSenderCheck({ dpop: dpopAtTokenEndpoint, tokenEndpoint: `${issuer}/oauth/token` }),
    keyRing,
    defaultAlgorithm: config.signing.algorithms[0] ?? 'ES256',
    maxPending: config.limits.pendingExchanges,
    loopbackProvidersAllowed: LOOPBACK.includes(config.listen.host),
    onSeen: workloads.seen,
    now,
  })
  const headAgeMs = () => database.revisions.head().ageMs
  const ownTokens = createOwnTokens({ issuer, keyRing, revocations, headAgeMs, now })
  const bindsCertificates = config.http.clientCertificates === 'trusted-proxies'
  const certificateThumbprint = createCertificateThumbprint({
    enabled: bindsCertificates,
    trustedProxies: config.http.trustedProxies,
  })
  const verifyCaller = createVerifyCaller({
    ownTokens,
    audience: managementAudience,
    origin: config.issuerUrl.origin,
    // Its own memory of used proofs: callers of one endpoint do not crowd out those of another.
    dpop: createDpopVerifier(),
    certificateThumbprint,
  })
  const administration = createAdministration({
    database,
    resources,
    eventLog,
    management,
    issuer,
    now,
  })
  const idempotency = createIdempotency({ database, now })
  const revoke = createRevoke({
    database,
    eventLog,
    find: createFindRegistered({
      resources,
      workloads,
      tokenKeys: () => keyRing.list().filter(({ purpose }) => purpose === 'access_token'),
      management,
    }),
    facts: (db, since) => loadGrantHistory(db, { since, builtinServices: [management] }),
    managementId: management.id,
    now,
  })
  const revokeKey = (command: RevokeKeyCommand) =>
    keyRing.revokeKey(command, (tx, { kids, ...word }) =>
      revoke.commit(tx, { kind: 'signing_key', values: kids, ...word }),
    )
  const revokeCredentials = createRevokeCredentials({
    database,
    administration,
    revoke,
    revokeKey: async (command) => {
      const { ended } = await revokeKey(command)
      if (!ended) throw new ServiceError('not_found')
      return ended
    },
  })
  const feed = createFeed({ database })
  const leases = createLeases({ database, eventLog, feed })
  // After `revocations`: a stream looks at whether its reader's token still holds when this process has applied the change.
  const revocationStreams = createRevocationStreams({ database, feed })
  // An export ends at a checkpoint: what is committed when somebody asks for it is sealed first, here or by the leader. A log that
  // refuses to be sealed is exported as far as it goes, which is the evidence that is wanted then.
  async function* exportSealed(): AsyncIterable<string> {
    await sealer.sealNow({ timeoutMs: EXPORT_SEAL_WAIT_MS }).catch(onFailure)
    yield* eventLog.export()
  }
  const explanations = { database, eventLog, refusals, resources, builtinServices: [management] }
  const snapshot = () => snapshots.current()
  const loopbackOnly = LOOPBACK.includes(config.listen.host)
  refuseEmulatedIssuers(snapshot().providers, loopbackOnly)

  const oauth = createOAuthEndpoints({
    issuer: config.issuerUrl,
    issuerText: issuer,
    algorithms: () => [...new Set(keyRing.jwks().keys.map((key) => String(key['alg']) as 'ES256'))],
    exchange,
    refusals,
    keyRing,
    // G-02: whoever caches the key set has asked again well before a new key signs.
    jwksMaxAgeSeconds: Math.min(600, Math.floor(config.signing.publishAheadMs / 2_000)),
    revokeOwnToken: createRevokeOwnToken({ database, ownTokens, revocations, eventLog, now }),
    introspect: createIntrospect({
      ownTokens,
      services: () => snapshot().services.byName.values(),
      now,
    }),
    verifyCaller,
    admission,
    certificateThumbprint,
    bindsCertificates,
    dpopAlgorithms: dpopAtTokenEndpoint.algorithms,
    trustedProxies: config.http.trustedProxies,
  })
  const allowedHosts = [config.issuerUrl.host, ...config.http.allowedHosts]
  const app = createApp({
    now,
    log: logger,
    issuer,
    allowedHosts,
    routes: [
      ...oauth.routes,
      ...createHealthRoutes([
        { name: 'database', run: () => database.ping(1_000).then(() => undefined) },
        {
          name: 'revisions',
          run: async () => (database.revisions.head().ageMs > 5_000 ? 'not read for 5 s' : undefined),
        },
        {
          name: 'audit',
          run: async () => ((await eventLog.lag()).oldestAgeMs > 60_000 ? 'not sealed for 60 s' : undefined),
        },
        {
          name: 'signing',
          run: async () =>
            instance.maySign() ? void keyRing.active(config.signing.algorithms[0]) : 'heartbeat lapsed',
        },
      ]),
      ...createApiRoutes({
        now,
        issuer,
        dpopAlgorithms: dpopAtTokenEndpoint.algorithms,
        authenticate: async (token, sender) => {
          const own = await verifyCaller({ ...sender, token })
          return (
            own &&
            workloadActor({
              workloadId: own.workloadIds[0] ?? '',
              scopes: own.scopes,
              policyId: own.policyId,
              expiresAt: own.expiresAt,
              isCurrent: () => own.expiresAt > now() && !revocations.isRevoked(own) && headAgeMs() <= MAX_HEAD_AGE_MS,
            })
          )
        },
        localActor: LOCAL_SOCKET_ACTOR,
        administration,
        idempotency,
        events: { ...eventLog, export: exportSealed },
        workloads,
        receipts,
        verifierKeys,
        explain: createExplain(explanations),
        generatePolicy: createGeneratePolicy({ ...explanations, now }),
        inspectProof: createInspectProof({ attestors, snapshot, loopbackProvidersAllowed: loopbackOnly }),
        testPolicy: async (document) => testPolicyDocument({ document, snapshot: snapshot(), now: now() }),
        listSigningKeys: async () => keyRing.list(),
        rotateSigningKey: (command) => keyRing.rotateKey(command),
        revokeSigningKey: async ({ waitMs, ...command }) => {
          const { ended, ...revocation } = await revokeKey(command)
          const receipt = ended && (await receipts.waitFor(ended.receiptId, waitMs))
          return { ...revocation, receipt }
        },
        revokeCredentials,
        feed,
        revocationStreams,
        // Whoever waits for a receipt looks again when a verifier has shown what it applied.
        leases: {
          ...leases,
          grant: (request) => leases.grant(request).finally(receipts.wake),
        },
        findVerifiedService: (name) => {
          const service = snapshot().services.byName.get(name)
          return service?.id === management.id ? undefined : service
        },
        countSigningKeyUses: (input) => countUses(database.read, input),
        sealStatus: () => readSealStatus(database.read, sealProvider),
        schemaOf: (kind) => {
          const found = KINDS.find((candidate) => candidate.kind === kind)
          return found && jsonSchemaFor(found)
        },
        status: async () => ({
          version: VERSION,
          issuer,
          engine: config.database ? 'postgres' : 'embedded',
          startedAt,
          leader: sealer.state() !== 'following',
          revision: database.revisions.head().revision,
          revisionAgeMs: database.revisions.head().ageMs,
          audit: {
            pending: (await eventLog.lag()).pending,
            oldestAgeMs: (await eventLog.lag()).oldestAgeMs,
            size: (await eventLog.checkpoint())?.size ?? 0,
          },
          faults: snapshot().faults,
        }),
      }),
    ],
  })

  const settlement = createSettlement({ database, eventLog, revocations, now, monotonicMs: MONOTONIC })
  const retention = createRetention({ database, claimsRetentionMs: config.claimsRetentionMs, now })
  // What only one process does: whoever holds the leader lock, in transactions that its epoch fences.
  const endCampaign = database.campaign(bootId, async (leader: Leader<Tables>) => {
    const each = (everyMs: number, work: () => Promise<unknown>) =>
      repeat({ everyMs, signal: leader.signal, work, onFailure })
    await Promise.all([
      sealer.lead(leader),
      each(1_000, () => receipts.finaliseDue()),
      each(3_000, () => settlement.run(leader)),
      // Several times within the time that a key is published ahead, so that a short one is kept too.
      each(Math.min(60_000, Math.max(1_000, config.signing.publishAheadMs / 4)), () => keyRing.rotate(leader)),
      each(60_000, () => retention(leader)),
      each(600_000, () => leases.purge(leader)),
      each(600_000, () => idempotency.purge()),
    ])
  })
  // What new providers and services need is fetched or made ahead of the first exchange that asks for it.
  let preparing = Promise.resolve()
  const prepare = () => {
    const { providers, services } = snapshot()
    attestors.retain(providers)
    const algorithms = new Set([...services.byName.values()].flatMap((service) => service.signingAlgorithm ?? []))
    preparing = preparing
      .then(() => Promise.all([attestors.prefetch(providers), ...[...algorithms].map((alg) => keyRing.ensure(alg))]))
      .then(() => undefined, onFailure)
  }
  const unfollow = database.revisions.subscribe((changes) => {
    if (changes.some((change) => !['signing_key', 'revocation'].includes(change.kind))) prepare()
  })
  prepare()

  const direct = createDirectRoute({ ...oauth.token, issuer, allowedHosts, now, log: logger })
  const tcp = await listen({ app, issuer, name: 'tcp', address: config.listen, direct }).catch((cause: unknown) => {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    const detail = `${config.listen.host}, port ${config.listen.port} (${code})`
    throw new ServiceError('address_unusable', { detail, cause })
  })
  const socket = config.adminSocket
    ? await listenLocally({ app, issuer, dataDirectory: config.dataDirectory })
    : undefined
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host
  const address = `http://${host}:${tcp.port}`
  logger.info({ address, issuer, version: VERSION }, 'ready')

  let stopping: Promise<void> | undefined
  let closedResolve: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    closedResolve = resolve
  })
  const stop = async () => {
    // Whoever waits for a receipt is answered now, with what is pending.
    receipts.close()
    // Streams would go on for as long as their readers like.
    revocationStreams.close()
    await Promise.all([tcp.stop(), socket?.stop()])
    await preparing
    await workloads.flush().catch(onFailure)
    await refusals.stop().catch(onFailure)
    await ledger.flush().catch(onFailure)
    await instance.stop().catch(onFailure)
    await sealer.sealNow({ timeoutMs: 2_000 }).catch(onFailure)
    await endCampaign()
    unfollow()
    keyRing.close()
    revocations.close()
    attestors.close()
    await database.close()
    logger.info('stopped')
    closedResolve()
  }
  return {
    address,
    socketPath: socket?.path,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
    closed,
  }
}

/** With PostgreSQL the directory holds the key file and the socket only, and nothing else has made it by now. */
function makeDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new ServiceError('data_directory_unusable', {
      detail: `${directory} cannot be created (${code}); check who may write there`,
      cause,
    })
  }
}

/** A server that others can reach must not believe issuers that anybody on this machine can be (issue: emulated issuers). */
function refuseEmulatedIssuers(providers: readonly TrustProvider[], loopbackOnly: boolean): void {
  const emulated = providers.filter((provider) => provider.allowLoopbackHttp === true)
  if (loopbackOnly || emulated.length === 0) return
  throw new ServiceError('config_invalid', {
    detail: `listen.host is not loopback, and trust providers with emulated issuers are registered: ${emulated.map((provider) => provider.name).join(', ')}; remove them first`,
  })
}

function noteSigner(name: string, signer: Signer, keys: readonly NotePublicKey[]): CheckpointSigner {
  const publicKey = keys.find((key) => key.kid === signer.kid)?.publicKey
  if (!publicKey) throw new ServiceError('store_unavailable', { internal: `no public key of ${name}` })
  return { name, publicKey, sign: (message) => signer.sign(message) }
}

function toVerifierKeys(name: string, keys: readonly NotePublicKey[]): readonly string[] {
  return keys.map(({ publicKey }) => formatVerifierKey(toVerifierKey(name, publicKey)))
}

/** The origin line of the log: made once, so that a later change of the issuer does not fork the log's name. */
async function logOrigin(database: Database<Tables>, { issuerUrl }: Config): Promise<string> {
  const path = issuerUrl.pathname === '/' ? '' : issuerUrl.pathname
  await database.transaction((tx) =>
    tx
      .insertInto('settings')
      .values({ name: 'log_origin', value: `${issuerUrl.host}${path}/v1/audit` })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute(),
  )
  const row = await database.read
    .selectFrom('settings')
    .select('value')
    .where('name', '=', 'log_origin')
    .executeTakeFirst()
  return row?.value ?? ''
}
