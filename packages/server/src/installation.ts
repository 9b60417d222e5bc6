import { type Config, type LoadConfigInput, loadConfig } from './config.ts'
import type { DatabaseTarget } from './storage/index.ts'

/** Which installation: where its configuration comes from. */
export interface StartOptions {
  readonly configFile?: string
  readonly env?: LoadConfigInput['env']
  readonly overrides?: LoadConfigInput['overrides']
}

/** The checked configuration of an installation. @throws ServiceError config_invalid */
export function readConfig({ configFile, env, overrides }: StartOptions): Config {
  return loadConfig({
    ...(configFile === undefined ? {} : { file: configFile }),
    ...(env === undefined ? {} : { env }),
    ...(overrides === undefined ? {} : { overrides }),
  })
}

/** The database that a configuration names. */
export function databaseTarget({ database, dataDirectory }: Config): DatabaseTarget {
  if (!database) return { embedded: { directory: dataDirectory } }
  const { url, direct, migrateUrl } = database
  return { postgres: { url, ...(direct ? { direct } : {}), ...(migrateUrl ? { migrateUrl } : {}) } }
}
