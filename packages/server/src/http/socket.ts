import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ServiceError } from '../errors.ts'
import { type Listener, type ListenInput, listen } from './listen.ts'

// sun_path holds 104 bytes on some systems and 108 on Linux, the final zero included.
const MAX_SOCKET_PATH_BYTES = 100

/** Name of the file in the data directory's `run` that holds the socket's path when the socket itself lies elsewhere. */
export const SOCKET_POINTER = 'admin.sock.path'

/** Where the socket of a data directory lies. */
export interface SocketPlace {
  /** The 0700 directory that guards the socket. */
  readonly directory: string
  readonly path: string
  /** Set when the path would be too long for the system: the file in the data directory that says where the socket is. */
  readonly pointer: string | undefined
}

/** What {@link listenLocally} needs. */
export interface LocalSocketInput extends Omit<ListenInput, 'name' | 'address'> {
  readonly dataDirectory: string
  /** For the short form of a too long path: `XDG_RUNTIME_DIR` if there is one. Default: the system's temporary directory. */
  readonly runtimeDirectory?: string
}

/**
 * Where the administration socket of a data directory is: `DATA_DIR/run/admin.sock`, or, when that path is too long for the
 * system, a directory of its own under the runtime directory, named by the hash of the data directory. Pure: touches no file.
 */
export function socketPlaceOf(dataDirectory: string, runtimeDirectory: string = tmpdir()): SocketPlace {
  const run = join(resolve(dataDirectory), 'run')
  const path = join(run, 'admin.sock')
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return { directory: run, path, pointer: undefined }
  const name = createHash('sha256').update(resolve(dataDirectory)).digest('hex').slice(0, 16)
  const directory = join(runtimeDirectory, `countersign-${process.getuid?.() ?? 'local'}-${name}`)
  return { directory, path: join(directory, 'admin.sock'), pointer: join(run, SOCKET_POINTER) }
}

/**
 * Serves the app on the administration socket. Whoever can open the socket administers, so its directory is made 0700 before
 * anything listens, and is refused when it is a link, belongs to somebody else, or lets anyone else in. A socket that a dead
 * process left behind is replaced; one that still answers is not.
 * @throws ServiceError data_directory_unusable
 */
export async function listenLocally(input: LocalSocketInput): Promise<Listener & { readonly path: string }> {
  const place = socketPlaceOf(input.dataDirectory, input.runtimeDirectory)
  if (place.pointer !== undefined) await makePrivateDirectory(dirname(place.pointer))
  await makePrivateDirectory(place.directory)
  await removeStaleSocket(place.path)
  const { dataDirectory: _, runtimeDirectory: __, ...rest } = input
  const listener = await listen({ ...rest, name: 'local-socket', address: { socketPath: place.path } })
  await chmod(place.path, 0o600)
  if (place.pointer !== undefined) await writePointer(place.pointer, place.path)
  return {
    ...listener,
    path: place.path,
    stop: async (graceMs) => {
      await listener.stop(graceMs)
      if (place.pointer === undefined) return
      await rm(place.pointer, { force: true })
      // Only if it is empty: a successor may already listen in it.
      await rmdir(place.directory).catch(ignoreUnlessUnexpected)
    },
  }
}

function ignoreUnlessUnexpected(error: unknown): void {
  const code = (error as { code?: unknown }).code
  if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
}

async function makePrivateDirectory(path: string): Promise<void> {
  // The parent is the data directory or the system's runtime directory; mkdir with a mode never follows a link at `path` itself.
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await mkdir(path, { mode: 0o700 })
    // umask may only have narrowed the mode; a stricter one than 0700 would lock us out.
    await chmod(path, 0o700)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
  }
  const found = await lstat(path)
  if (!found.isDirectory()) throw unusable(`${path} is not a directory of its own (a link or a file)`)
  if (process.getuid !== undefined && found.uid !== process.getuid()) throw unusable(`${path} belongs to another user`)
  if ((found.mode & 0o077) !== 0) throw unusable(`${path} is open to others; it must have mode 0700`)
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return
  if (!found.isSocket()) throw unusable(`${path} is in the way and is not a socket`)
  if (await isSocketAlive(path)) throw unusable(`another process listens on ${path}`)
  await unlink(path)
}

async function writePointer(pointer: string, path: string): Promise<void> {
  const fresh = `${pointer}.${process.pid}`
  await writeFile(fresh, `${path}\n`, { mode: 0o600 })
  await rename(fresh, pointer)
}

function unusable(detail: string): ServiceError {
  return new ServiceError('data_directory_unusable', { detail })
}

// A socket file whose process is gone refuses the connection; anything but that counts as alive.
function isSocketAlive(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const probe = createConnection({ path })
    probe.setTimeout(2_000, () => {
      probe.destroy()
      answer(true)
    })
    probe.once('connect', () => {
      probe.destroy()
      answer(true)
    })
    probe.once('error', (error: Error & { code?: string }) =>
      answer(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}
