import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { ServiceError } from '../../errors.ts'
import type { Now } from '../../lib/index.ts'
import type { Tables } from '../../schema/index.ts'
import type { Database } from '../../storage/index.ts'
import { insertSetting, selectSettings } from '../store.ts'
import { createSealKey, type SealKey } from './data-key.ts'
import { type Envelope, formatEnvelope, parseEnvelope } from './envelope.ts'
import type { SealProvider, Wrapping } from './provider.ts'

/** Settings row: the wrapped data-encryption key. */
export const ENVELOPE_SETTING = 'seal_envelope'
/** Settings row: a value sealed under the data-encryption key, so that a wrong one is found before it is used. */
export const CHECK_SETTING = 'seal_check'

const CHECK_CONTEXT = 'countersign/seal-check'
const DATA_KEY_CONTEXT = 'countersign/data-key'
const DATA_KEY_BYTES = 32

/** What opening the seal needs. */
export interface OpenSealInput {
  readonly database: Database<Tables>
  readonly provider: SealProvider
  readonly now: Now
}

/** The data-encryption key in this process. Private keys and everything else that is sealed lie under it. */
export interface OpenedSeal {
  readonly dataKey: Uint8Array
  readonly sealKey: SealKey
  /** Undefined for a database made before there were envelopes: there the key file is the data-encryption key. */
  readonly envelope: Envelope | undefined
}

/**
 * Opens the data-encryption key of this database. A database that has none yet gets one, wrapped by the provider; afterwards only a
 * provider that unwraps it opens the database. The provider is asked here and never again while the process runs.
 * @throws ServiceError seal_key_missing, seal_key_wrong, seal_refused, seal_unavailable: each with what is missing.
 */
export async function openSeal({ database, provider, now }: OpenSealInput): Promise<OpenedSeal> {
  const [stored, check] = await readSeal(database.read)
  if (stored === undefined && check === undefined) {
    provider.prepare?.()
    const { dataKey, wrapping } = await makeDataKey(provider)
    const envelope = formatEnvelope({ wrappings: [{ ...wrapping, at: now() }] })
    await database.transaction(async (tx) => {
      // Whoever is first makes both rows; the check of another replica never comes to stand beside this envelope.
      if (await insertSetting(tx, ENVELOPE_SETTING, envelope))
        await insertSetting(tx, CHECK_SETTING, sealCheck(dataKey))
    })
  }
  return unsealStored(database.read, provider)
}

/**
 * Opens a database that is sealed already.
 * @throws ServiceError as {@link openSeal}; seal_key_missing when it has never been sealed.
 */
export async function unsealStored(db: Kysely<Tables>, provider: SealProvider): Promise<OpenedSeal> {
  const [text, check] = await readSeal(db)
  if (check === undefined)
    throw new ServiceError('seal_key_missing', { detail: 'this database has not been sealed yet' })
  if (text === undefined) return openLegacy(provider, check)
  const envelope = parseEnvelope(text)
  if (!envelope) {
    throw new ServiceError('seal_key_wrong', { detail: 'the stored envelope is damaged, or of a newer version' })
  }
  const dataKey = await provider.unwrap(wrappingFor(provider, envelope), DATA_KEY_CONTEXT)
  return { dataKey, sealKey: openChecked(dataKey, check, provider), envelope }
}

/** A new data-encryption key, wrapped. @throws ServiceError as {@link wrapDataKey} */
export async function makeDataKey(provider: SealProvider): Promise<{ dataKey: Uint8Array; wrapping: Wrapping }> {
  const dataKey = new Uint8Array(randomBytes(DATA_KEY_BYTES))
  return { dataKey, wrapping: await wrapDataKey(provider, dataKey) }
}

/**
 * Wraps the data-encryption key and unwraps it again before anybody relies on it: a provider that can encrypt and not decrypt, for lack
 * of a permission, would lock the database for good.
 */
export async function wrapDataKey(provider: SealProvider, dataKey: Uint8Array): Promise<Wrapping> {
  const wrapping = await provider.wrap(dataKey, DATA_KEY_CONTEXT)
  const again = await provider.unwrap(wrapping, DATA_KEY_CONTEXT)
  if (!Buffer.from(again).equals(dataKey)) {
    throw new ServiceError('seal_refused', { detail: `${provider.location} does not give back what it has wrapped` })
  }
  return wrapping
}

/** The check value of a data-encryption key. */
export function sealCheck(dataKey: Uint8Array): string {
  return Buffer.from(createSealKey(dataKey).seal(randomBytes(16), CHECK_CONTEXT)).toString('base64url')
}

/** Both rows in one statement: they are changed together. */
async function readSeal(db: Kysely<Tables>): Promise<readonly [string | undefined, string | undefined]> {
  const rows = await selectSettings(db, [ENVELOPE_SETTING, CHECK_SETTING])
  return [rows.get(ENVELOPE_SETTING), rows.get(CHECK_SETTING)]
}

function openLegacy(provider: SealProvider, check: string): OpenedSeal {
  const dataKey = provider.legacyDataKey?.()
  if (!dataKey) {
    throw new ServiceError('seal_key_wrong', {
      detail: `this database is sealed under a key file, not under ${provider.location}; set \`seal.file\` to that file, and move with \`countersign seal rotate --to\``,
    })
  }
  return { dataKey, sealKey: openChecked(dataKey, check, provider), envelope: undefined }
}

function openChecked(dataKey: Uint8Array, check: string, provider: SealProvider): SealKey {
  const sealKey = createSealKey(dataKey)
  try {
    sealKey.open(Buffer.from(check, 'base64url'), CHECK_CONTEXT)
  } catch (cause) {
    const detail = `${provider.location} is not the key that this database was sealed with`
    throw new ServiceError('seal_key_wrong', { detail, cause })
  }
  return sealKey
}

/** Of two wrappings the newest that this provider can have made; which key it is, the provider says itself. */
function wrappingFor(provider: SealProvider, { wrappings }: Envelope): Wrapping {
  const candidates = wrappings.filter((wrapping) => wrapping.provider === provider.name)
  const found = candidates.find((wrapping) => provider.knows(wrapping)) ?? candidates.at(-1)
  if (found) return found
  const names = wrappings.map((wrapping) =>
    wrapping.provider === 'file' ? 'a key file' : `transit key ${wrapping.keyId}`,
  )
  throw new ServiceError('seal_key_wrong', {
    detail: `this database is sealed under ${names.join(' and ')}, not under ${provider.location}`,
  })
}
