import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Settings } from './settings.ts'
import type { CliContext } from './types.ts'

/** What a command that reads the process configuration hands on: file, environment, and what flags override. */
export interface ServerOptions {
  readonly configFile?: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly overrides: Readonly<Record<string, unknown>>
}

/** `--config`, else ./countersign.yaml if there is one; `--data-dir` overrides both and the environment. */
export async function findServerOptions(settings: Settings, context: CliContext): Promise<ServerOptions> {
  const local = resolve(context.cwd, 'countersign.yaml')
  const configFile =
    settings.configFile !== undefined
      ? resolve(context.cwd, settings.configFile)
      : existsSync(local)
        ? local
        : undefined
  return {
    ...(configFile === undefined ? {} : { configFile }),
    env: context.env,
    overrides:
      settings.dataDirectory === undefined ? {} : { dataDirectory: resolve(context.cwd, settings.dataDirectory) },
  }
}
