import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { cliFault } from './faults.ts'
import type { Origin, Settings } from './settings.ts'
import type { CliContext } from './types.ts'

/** Where the server is, and where that was said. */
export type Target =
  | { readonly via: 'socket'; readonly socketPath: string; readonly origin: Origin | 'configuration' }
  | { readonly via: 'server'; readonly url: URL; readonly origin: Origin }

/** The directory of the server's files when nothing names another. */
export const DEFAULT_DATA_DIRECTORY = 'countersign-data'

/** Host names and addresses that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.[0-9]{1,3}){3}$/.test(hostname)
}

/**
 * A server's address: https, or http on loopback, since a token travels to it.
 * @throws CliFault usage
 */
export function parseServerUrl(text: string, flag = '--server'): URL {
  if (!URL.canParse(text)) throw cliFault('usage', `${flag} is not a URL`, { fix: `write ${flag} https://sts.example` })
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    throw cliFault('usage', `${flag} holds a user name or password`, {
      fix: 'leave it out; credentials come from files',
    })
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw cliFault('usage', `${flag} must be https (http only on loopback)`, { fix: 'use the https address' })
  }
  if (url.search !== '' || url.hash !== '') {
    throw cliFault('usage', `${flag} has a query or a fragment`, { fix: `use ${url.origin}` })
  }
  return url
}

/**
 * The server that the settings name: a URL, a socket, or the socket in the data directory.
 * @throws CliFault usage; ServiceError config_invalid when the configuration that names the data directory is not valid
 */
export async function findTarget(settings: Settings, context: CliContext): Promise<Target> {
  if (settings.server) {
    return { via: 'server', url: parseServerUrl(settings.server.url), origin: settings.server.origin }
  }
  if (settings.socket) {
    return { via: 'socket', socketPath: resolve(context.cwd, settings.socket.path), origin: settings.socket.origin }
  }
  if (settings.dataDirectory !== undefined) {
    return { via: 'socket', socketPath: await findSocket(resolve(context.cwd, settings.dataDirectory)), origin: 'flag' }
  }
  if (settings.configFile !== undefined) {
    const { loadConfig } = await context.modules.config()
    const config = loadConfig({ file: resolve(context.cwd, settings.configFile), env: context.env })
    return { via: 'socket', socketPath: await findSocket(config.dataDirectory), origin: 'configuration' }
  }
  const directory = context.env['COUNTERSIGN_DATA_DIRECTORY'] || DEFAULT_DATA_DIRECTORY
  return { via: 'socket', socketPath: await findSocket(resolve(context.cwd, directory)), origin: 'default' }
}

// A path too long for a socket lies elsewhere; the server leaves a file in the data directory that says where.
async function findSocket(dataDirectory: string): Promise<string> {
  const run = join(dataDirectory, 'run')
  const pointer = await readFile(join(run, 'admin.sock.path'), 'utf8').catch(() => '')
  return pointer.trim() || join(run, 'admin.sock')
}

/**
 * Refuses a socket that another ordinary user made: who listens there could answer anything.
 * @throws CliFault unreachable when it does not exist, usage when it is another user's
 */
export async function verifySocketOwner(socketPath: string, uid = process.getuid?.()): Promise<void> {
  const found = await stat(socketPath).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw cliFault('unreachable', `the socket ${socketPath}: ${code === 'ENOENT' ? 'there is no such socket' : code}`, {
      cause: error,
    })
  })
  if (uid !== undefined && uid !== 0 && found.uid !== 0 && found.uid !== uid) {
    throw cliFault('usage', `the socket ${socketPath} belongs to another user`, {
      fix: 'run as the user of the server, or use --server with --token-file',
    })
  }
}
