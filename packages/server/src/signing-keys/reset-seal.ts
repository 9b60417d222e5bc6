import type { Transaction } from 'kysely'
import type { EventLog } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import { type Now, newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { createKeyChanges, type RingName } from './changes.ts'
import { formatEnvelope } from './seal/envelope.ts'
import { createSealKey, type SealProvider } from './seal/index.ts'
import { CHECK_SETTING, ENVELOPE_SETTING, makeDataKey, sealCheck } from './seal/open.ts'
import { type SigningKey, toSigningKey } from './states.ts'
import { replaceSetting, selectKeys, selectSettings } from './store.ts'

/** What a reset needs. */
export interface ResetSealInput {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  /** The provider whose key seals from now on. */
  readonly provider: SealProvider
  readonly reason: string
  readonly actor: string
  readonly now: Now
}

/** What a reset has done. */
export interface SealReset {
  /** Keys whose private half is gone. Those that signed stay in the key set until their tokens have expired. */
  readonly abandoned: readonly SigningKey[]
  /** The keys that sign now. */
  readonly made: readonly SigningKey[]
}

/** A process that has beaten within this time may be running. */
const ALIVE_MS = 60_000

/**
 * The way out when the key-encryption key is gone for good: every sealed private half is destroyed, a new data-encryption key is wrapped
 * by the provider, and new signing keys are made under it. Tokens that are out verify until they expire; auditors see a new checkpoint key.
 * @throws ServiceError conflict while a server runs or when nothing is sealed; what the provider throws
 */
export async function resetSeal(input: ResetSealInput): Promise<SealReset> {
  const { database, eventLog, provider, reason, actor, now } = input
  const settings = await selectSettings(database.read, [ENVELOPE_SETTING, CHECK_SETTING])
  if (!settings.has(CHECK_SETTING)) {
    throw new ServiceError('conflict', { detail: 'this database has not been sealed yet: there is nothing to reset' })
  }
  provider.prepare?.()
  const { dataKey, wrapping } = await makeDataKey(provider)
  const changes = createKeyChanges({ eventLog, sealKey: createSealKey(dataKey), now }, actor)
  return database.transaction(async (tx) => {
    await database.revisions.append(tx, { kind: 'signing_key', target: 'seal', detail: { reset: true } })
    await refuseWhileAlive(tx, now())
    const envelope = formatEnvelope({ wrappings: [{ ...wrapping, at: now() }] })
    for (const [name, to] of [
      [ENVELOPE_SETTING, envelope],
      [CHECK_SETTING, sealCheck(dataKey)],
    ] as const) {
      if (await replaceSetting(tx, name, { from: settings.get(name), to })) continue
      throw new ServiceError('conflict', {
        detail: 'the seal was changed meanwhile; look at `countersign seal status`',
      })
    }
    const sealed = (await selectKeys(tx)).filter((row) => row.sealed_private !== null).map(toSigningKey)
    for (const key of sealed) await changes.abandon(tx, key)
    const kids: string[] = []
    for (const ring of ringsOf(sealed)) kids.push(await changes.generate(tx, ring, { activate: true }))
    const at = now()
    await eventLog.append(tx, {
      ...{ id: newId('evt', at), at, kind: 'seal.reset', outcome: 'done', actor },
      data: { reason, key: `${wrapping.provider} ${wrapping.keyId}`, abandoned: sealed.length, made: kids.length },
    })
    const after = (await selectKeys(tx)).map(toSigningKey)
    const find = (wanted: readonly string[]) => after.filter((key) => wanted.includes(key.kid))
    return { abandoned: find(sealed.map((key) => key.kid)), made: find(kids) }
  })
}

/** The rings that had a key which signs: those get one again. */
function ringsOf(keys: readonly SigningKey[]): readonly RingName[] {
  return keys.filter((key) => key.state === 'active').map(({ purpose, alg }) => ({ purpose, alg }))
}

/** A running server holds the old keys in memory: it would go on signing with them, and could not open the new ones. */
async function refuseWhileAlive(tx: Transaction<Tables>, at: Date): Promise<void> {
  const alive = await tx
    .selectFrom('instances')
    .select('boot_id')
    .where('settled_at', 'is', null)
    .where('heartbeat_at', '>', at.getTime() - ALIVE_MS)
    .executeTakeFirst()
  if (alive) {
    throw new ServiceError('conflict', {
      detail:
        'a server has been running within the last minute; stop every one of them, and wait a minute after a crash',
    })
  }
}
