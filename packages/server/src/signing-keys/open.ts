import { randomBytes } from 'node:crypto'
import { ServiceError } from '../errors.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { loadSealKey, type SealKey } from './seal.ts'
import { insertSetting, selectSetting } from './store.ts'

const CHECK_CONTEXT = 'countersign/seal-check'

/** Which file holds the key-encryption key, and whether this installation may make it. */
export interface OpenSealKeyInput {
  readonly database: Database<Tables>
  readonly path: string
  /** Only for the file in our own data directory; a mounted secret is never made here. */
  readonly mayCreate: boolean
}

/**
 * The key-encryption key of this database. On the first start it is made (or a mounted one taken) and a check value is stored;
 * afterwards it must open that check value.
 * @throws ServiceError seal_key_missing when the database is sealed and the file is gone; seal_key_wrong when it is another key.
 */
export async function openSealKey({ database, path, mayCreate }: OpenSealKeyInput): Promise<SealKey> {
  const stored = await selectSetting(database.read, 'seal_check')
  const sealKey = loadSealKey({ path, create: mayCreate && stored === undefined })
  if (stored === undefined) {
    const check = Buffer.from(sealKey.seal(randomBytes(16), CHECK_CONTEXT)).toString('base64url')
    await database.transaction((tx) => insertSetting(tx, 'seal_check', check))
  }
  // Another replica may have stored its check value first: whoever has a different key stops here.
  const check = await selectSetting(database.read, 'seal_check')
  try {
    sealKey.open(Buffer.from(check ?? '', 'base64url'), CHECK_CONTEXT)
  } catch (cause) {
    throw new ServiceError('seal_key_wrong', {
      detail: `${path} is not the key that this database was sealed with`,
      cause,
    })
  }
  return sealKey
}
