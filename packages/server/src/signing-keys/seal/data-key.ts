import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { ServiceError } from '../../errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORMAT = 1

/** Seals small secrets under a key of 32 bytes: AES-256-GCM, bound to a context so that no ciphertext can be moved. */
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
