import type { EventLog } from '../../audit/index.ts'
import { ServiceError } from '../../errors.ts'
import { type Now, newId } from '../../lib/index.ts'
import type { Tables } from '../../schema/index.ts'
import type { Database } from '../../storage/index.ts'
import { replaceSetting, selectSettings } from '../store.ts'
import { formatEnvelope, parseEnvelope, type StoredWrapping } from './envelope.ts'
import { ENVELOPE_SETTING, unsealStored, wrapDataKey } from './open.ts'
import type { SealProvider, Wrapping } from './provider.ts'

/** What rotating the key-encryption key needs. */
export interface RotateSealDeps {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  readonly now: Now
  readonly actor: string
}

/** Which keys open the database after a step, and which do no more. */
export interface SealRotation {
  readonly opens: readonly Pick<Wrapping, 'provider' | 'keyId'>[]
  readonly closed: readonly Pick<Wrapping, 'provider' | 'keyId'>[]
}

/**
 * First half: wraps the data-encryption key under the next key as well. The present one keeps opening the database, so that no process
 * that starts with the old configuration is refused while the new one is rolled out. With the same provider for both it wraps anew,
 * which after a rotation inside a transit engine is the newest version of its key. Private keys are not touched: nothing that runs
 * notices.
 * @throws ServiceError as {@link unsealStored} for both keys; conflict while another rotation is not finished, or on a change meanwhile
 */
export async function rotateSeal(
  deps: RotateSealDeps,
  { current, next }: { readonly current: SealProvider; readonly next: SealProvider },
): Promise<SealRotation> {
  const before = (await selectSettings(deps.database.read, [ENVELOPE_SETTING])).get(ENVELOPE_SETTING)
  const { dataKey } = await unsealStored(deps.database.read, current)
  const at = deps.now()
  const added: StoredWrapping = { ...(await wrapDataKey(next, dataKey)), at }
  const present: readonly StoredWrapping[] = (before === undefined ? undefined : parseEnvelope(before)?.wrappings) ?? [
    { ...(await wrapDataKey(current, dataKey)), at },
  ]
  const kept = present.filter((wrapping) => !isSameKey(wrapping, added))
  if (kept.length > 1) {
    throw new ServiceError('conflict', {
      detail: `a rotation from ${kept.map(nameOf).join(' and ')} is not finished; run \`countersign seal rotate --finish\` first`,
    })
  }
  const wrappings = [...kept, added]
  await store(deps, { before, wrappings, event: { kind: 'seal.rotated', data: { key: nameOf(added) } } })
  return { opens: wrappings, closed: [] }
}

/**
 * Second half, once every server runs with the next key: the database opens with the configured key and with no other.
 * @throws ServiceError as {@link unsealStored}; conflict for a database of an earlier version that was not rotated yet
 */
export async function finishSealRotation(deps: RotateSealDeps, current: SealProvider): Promise<SealRotation> {
  const before = (await selectSettings(deps.database.read, [ENVELOPE_SETTING])).get(ENVELOPE_SETTING)
  const { envelope } = await unsealStored(deps.database.read, current)
  if (!envelope) {
    throw new ServiceError('conflict', { detail: 'this database is sealed under its key file itself; rotate first' })
  }
  const kept = envelope.wrappings.filter((wrapping) => wrapping.provider === current.name && current.knows(wrapping))
  const closed = envelope.wrappings.filter((wrapping) => !kept.includes(wrapping))
  if (kept.length === 0) {
    throw new ServiceError('conflict', {
      detail: `no wrapping says that it is of ${current.location}; rotate to it first`,
    })
  }
  if (closed.length > 0) {
    const data = { key: kept.map(nameOf).join(', '), closed: closed.map(nameOf).join(', ') }
    await store(deps, { before, wrappings: kept, event: { kind: 'seal.rotation_finished', data } })
  }
  return { opens: kept, closed }
}

async function store(
  { database, eventLog, now, actor }: RotateSealDeps,
  {
    before,
    wrappings,
    event,
  }: {
    readonly before: string | undefined
    readonly wrappings: readonly StoredWrapping[]
    readonly event: { readonly kind: string; readonly data: Readonly<Record<string, string>> }
  },
): Promise<void> {
  await database.transaction(async (tx) => {
    if (!(await replaceSetting(tx, ENVELOPE_SETTING, { from: before, to: formatEnvelope({ wrappings }) }))) {
      throw new ServiceError('conflict', {
        detail: 'the seal was changed meanwhile; look at `countersign seal status`',
      })
    }
    const at = now()
    await eventLog.append(tx, { id: newId('evt', at), at, outcome: 'done', actor, ...event })
  })
}

function isSameKey(a: Wrapping, b: Wrapping): boolean {
  return a.provider === b.provider && a.keyId === b.keyId
}

function nameOf({ provider, keyId }: Pick<Wrapping, 'provider' | 'keyId'>): string {
  return `${provider} ${keyId}`
}
