/**
 * A private PostgreSQL server for tests, from the binaries that the system package installs: its own temporary directory,
 * its own free port on 127.0.0.1, fsync on. Root may not run it, so for root it runs as the `postgres` user.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** A running server. */
export interface TestPostgres {
  /** Where its superuser connects. */
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

const INSTALLED = '/usr/lib/postgresql'
const START_LIMIT_MS = 30_000

/** The directory of the newest installed server's binaries; undefined when there is none. */
export function findPostgres(): string | undefined {
  if (!existsSync(INSTALLED)) return undefined
  const versions = readdirSync(INSTALLED).sort((one, other) => Number(other) - Number(one))
  return versions.map((version) => join(INSTALLED, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
}

function serverUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}

function isReady(log: string): boolean {
  return existsSync(log) && readFileSync(log, 'utf8').includes('database system is ready to accept connections')
}

/**
 * Makes and starts a server and waits until it accepts connections.
 * @throws Error when no server is installed, or with the end of its log when it does not start.
 */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = findPostgres()
  if (!bin) throw new Error(`no PostgreSQL in ${INSTALLED}: install the package postgresql`)
  const user = serverUser()
  const directory = mkdtempSync(join(tmpdir(), 'countersign-postgres-'))
  const password = randomBytes(18).toString('base64url')
  const [data, log, passwordFile] = ['data', 'log', 'password'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(passwordFile, password, { mode: 0o600 })
  chmodSync(directory, 0o700)
  if (user) for (const path of [directory, passwordFile]) chownSync(path, user.uid, user.gid)
  const options = { cwd: directory, ...user, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', TZ: 'UTC' } }
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  rmSync(passwordFile)
  const port = await findFreePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: directory,
    max_connections: 200,
    shared_buffers: '64MB',
    fsync: 'on',
    logging_collector: 'on',
    log_directory: directory,
    log_filename: 'log',
    log_min_messages: 'warning',
  }
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...options, stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  // Not run to its end by a signal to the terminal's group: the caller stops it after its own work.
  const stop = async (): Promise<void> => {
    // SIGINT is PostgreSQL's fast shutdown: open connections are ended, everything is written.
    child.kill('SIGINT')
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
  const deadline = Date.now() + START_LIMIT_MS
  while (!isReady(log)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      const end = existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''
      await stop()
      throw new Error(`PostgreSQL did not start\n${end}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, pid: child.pid ?? 0, stop }
}
