import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { chmodSync, closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { ServiceError } from '../errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORMAT = 1

/** Seals small secrets under the key-encryption key: AES-256-GCM, bound to a context so that no ciphertext can be moved. */
export interface SealKey {
  /** Hash prefix that names the key without revealing it. */
  readonly id: string
  /** Format byte, nonce, tag, ciphertext. `context` is authenticated: the same text is needed to open. */
  seal(plain: Uint8Array, context: string): Uint8Array
  /** @throws ServiceError seal_key_wrong when the key or the context differs or a byte was changed. */
  open(sealed: Uint8Array, context: string): Uint8Array
}

/** A seal key over 32 bytes of key material. */
export function createSealKey(material: Uint8Array): SealKey {
  if (material.length !== KEY_BYTES) {
    throw new ServiceError('seal_key_wrong', { detail: `the key file must hold ${KEY_BYTES} bytes, base64url or raw` })
  }
  const key = Buffer.from(material)
  const id = createHash('sha256').update('countersign seal key id\0').update(key).digest('base64url').slice(0, 16)
  return {
    id,
    seal(plain, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([Buffer.from([FORMAT]), nonce, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed)
      if (bytes[0] !== FORMAT || bytes.length < 1 + NONCE_BYTES + TAG_BYTES) {
        throw new ServiceError('seal_key_wrong', { detail: 'the sealed value has an unknown format' })
      }
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(context))
      decipher.setAuthTag(bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES + TAG_BYTES)), decipher.final()])
      } catch (cause) {
        throw new ServiceError('seal_key_wrong', { internal: `context ${context}`, cause })
      }
    },
  }
}

/** Where the key-encryption key lies. `create` makes it when it does not exist (own data directory only). */
export interface SealKeyFile {
  readonly path: string
  readonly create: boolean
}

/**
 * Reads the key-encryption key from a file outside the database; with `create`, makes it (0600, synced) when it is missing.
 * The file holds 32 bytes as base64url text, or raw. Refuses a file that others can write or, unless it is owned by root, read.
 * @throws ServiceError seal_key_missing, seal_key_wrong
 */
export function loadSealKey({ path, create }: SealKeyFile): SealKey {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT' || !create) {
      throw new ServiceError('seal_key_missing', { detail: `cannot read ${path}`, cause })
    }
    return createSealKeyFile(path)
  }
  try {
    const { mode, uid } = fstatSync(descriptor)
    const readableByOthers = (mode & 0o077) !== 0
    const mountedByRoot = uid === 0 && (mode & 0o027) === 0
    if (readableByOthers && !mountedByRoot) {
      throw new ServiceError('seal_key_wrong', {
        detail: `${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run chmod 600 on it`,
      })
    }
    return createSealKey(decodeKeyFile(readFileSync(descriptor), path))
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

function createSealKeyFile(path: string): SealKey {
  const material = randomBytes(KEY_BYTES)
  // O_EXCL: of two processes that start at once only one makes the key, the other fails and reads it on its next start.
  const descriptor = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    writeSync(descriptor, `${material.toString('base64url')}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  chmodSync(path, 0o600)
  return createSealKey(material)
}
