import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { ServiceError } from '../../errors.ts'

const KEY_BYTES = 32

/**
 * The key-encryption key in a file outside the database: 32 bytes as base64url text, or raw. Refuses a file that others can write or,
 * unless root owns it, read.
 * @throws ServiceError seal_key_missing, seal_key_wrong
 */
export function readKeyFile(path: string): Uint8Array {
  return decodeKeyFile(readPrivateBytes(path, { missing: 'seal_key_missing', unsafe: 'seal_key_wrong' }), path)
}

/** Makes a key file for its owner only (0600, synced), unless there is a file already. */
export function createKeyFile(path: string): void {
  if (existsSync(path)) return
  // O_EXCL: of two processes that start at once only one makes the key, the other fails and reads it on its next start.
  const descriptor = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    writeSync(descriptor, `${randomBytes(KEY_BYTES).toString('base64url')}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  chmodSync(path, 0o600)
}

/**
 * The bytes of a file that holds a secret; the mode is that of the file that is read, not of what the path names a moment later.
 * @throws ServiceError with the code that is given for a file that cannot be read, and for one that others can read or write
 */
export function readPrivateBytes(
  path: string,
  codes: {
    readonly missing: 'seal_key_missing' | 'seal_refused'
    readonly unsafe: 'seal_key_wrong' | 'seal_refused'
  },
): Buffer {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY)
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new ServiceError(codes.missing, { detail: `cannot read ${path} (${code})`, cause })
  }
  try {
    const { mode, uid } = fstatSync(descriptor)
    const mountedByRoot = uid === 0 && (mode & 0o027) === 0
    if ((mode & 0o077) !== 0 && !mountedByRoot) {
      throw new ServiceError(codes.unsafe, {
        detail: `${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run chmod 600 on it`,
      })
    }
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function decodeKeyFile(content: Buffer, path: string): Uint8Array {
  if (content.length === KEY_BYTES) return content
  const text = content.toString('latin1').replace(/\n$/, '')
  if (/^[A-Za-z0-9_-]{43}$/.test(text)) return Buffer.from(text, 'base64url')
  throw new ServiceError('seal_key_wrong', {
    detail: `${path} must hold 32 bytes, raw or as 43 characters of base64url`,
  })
}
