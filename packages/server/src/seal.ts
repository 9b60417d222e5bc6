import { existsSync } from 'node:fs'
import { createEventLog } from './audit/index.ts'
import type { Config, SealConfig } from './config.ts'
import { ServiceError } from './errors.ts'
import { databaseTarget, readConfig, type StartOptions } from './installation.ts'
import { systemNow } from './lib/index.ts'
import { postJson } from './outbound/index.ts'
import { MIGRATIONS, type Tables } from './schema/index.ts'
import {
  createFileSeal,
  createTransitSeal,
  finishSealRotation,
  readSealStatus,
  resetSeal,
  rotateSeal,
  type SealProvider,
  type SealReset,
  type SealRotation,
  type SealStatus,
} from './signing-keys/index.ts'
import { type Database, openDatabase } from './storage/index.ts'

/** Who acts where no server runs: whoever can read the configuration and its secrets on the host. */
const ACTOR = 'local-command'

/** The provider of the key-encryption key that a configuration names. */
export function createSealProvider(seal: SealConfig): SealProvider {
  return seal.provider === 'file'
    ? createFileSeal({ path: seal.path, mayCreate: seal.ours })
    : createTransitSeal(seal, { post: postJson })
}

/** How the configured database is sealed; opens the database itself. @throws ServiceError as a start, but for the seal */
export function sealStatus(options: StartOptions): Promise<SealStatus> {
  return withDatabase(options, (database, config) => readSealStatus(database.read, createSealProvider(config.seal)))
}

/**
 * Wraps the data-encryption key under the key of another configuration as well (`to`), or under the newest version of the present one.
 * Servers that run are not disturbed; the embedded store must not be in use.
 * @throws ServiceError as {@link rotateSeal}; conflict when the other configuration is of another database
 */
export function rotateSealKey(options: StartOptions & { readonly to?: string }): Promise<SealRotation> {
  return withDatabase(options, (database, config) => {
    const next = options.to === undefined ? config : readConfig(withSealOf(options, options.to))
    // The same words for both, so that nobody rolls out a configuration that opens something else.
    if (JSON.stringify(databaseTarget(next)) !== JSON.stringify(databaseTarget(config))) {
      throw new ServiceError('conflict', { detail: `${options.to} names another database` })
    }
    const current = createSealProvider(config.seal)
    return rotateSeal(commandDeps(database), { current, next: createSealProvider(next.seal) })
  })
}

/** Lets the database open with the configured key only. @throws ServiceError as {@link finishSealRotation} */
export function finishRotation(options: StartOptions): Promise<SealRotation> {
  return withDatabase(options, (database, config) =>
    finishSealRotation(commandDeps(database), createSealProvider(config.seal)),
  )
}

/** Destroys what the lost key sealed and makes new keys. @throws ServiceError as {@link resetSeal} */
export function resetSealKey(options: StartOptions & { readonly reason: string }): Promise<SealReset> {
  return withDatabase(options, (database, config) =>
    resetSeal({ ...commandDeps(database), provider: createSealProvider(config.seal), reason: options.reason }),
  )
}

/** The other configuration, whose file alone says who keeps the key: a variable for the present one must not stand in for it. */
function withSealOf(options: StartOptions, configFile: string): StartOptions {
  const env = Object.entries(options.env ?? {}).filter(
    ([name]) => !/^COUNTERSIGN_(SEAL__|SIGNING__SEAL_KEY_FILE$)/.test(name),
  )
  return { ...options, configFile, env: Object.fromEntries(env) }
}

function commandDeps(database: Database<Tables>) {
  return { database, eventLog: createEventLog({ database, now: systemNow }), now: systemNow, actor: ACTOR }
}

async function withDatabase<T>(
  options: StartOptions,
  work: (database: Database<Tables>, config: Config) => Promise<T>,
): Promise<T> {
  const config = readConfig(options)
  if (!config.database && !existsSync(config.dataDirectory)) {
    throw new ServiceError('data_directory_unusable', { detail: `${config.dataDirectory} does not exist` })
  }
  const target = databaseTarget(config)
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
  try {
    return await work(database, config)
  } finally {
    await database.close()
  }
}
