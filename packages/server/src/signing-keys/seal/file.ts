import { ServiceError } from '../../errors.ts'
import { createSealKey } from './data-key.ts'
import { createKeyFile, readKeyFile } from './key-file.ts'
import type { SealProvider } from './provider.ts'

/** A key file: in our own data directory, where it may be made, or a mounted secret, which never is. */
export interface FileSealInput {
  readonly path: string
  readonly mayCreate: boolean
}

/** A seal provider over a file of 32 bytes outside the database. Reads it at each call, so that a file put back is seen. */
export function createFileSeal({ path, mayCreate }: FileSealInput): SealProvider {
  const key = () => createSealKey(readKeyFile(path))
  return {
    name: 'file',
    location: path,
    ...(mayCreate && { prepare: () => createKeyFile(path) }),
    knows: ({ keyId }) => key().id === keyId,
    async wrap(dataKey, context) {
      const sealKey = key()
      const wrapped = Buffer.from(sealKey.seal(dataKey, context)).toString('base64url')
      return { provider: 'file', keyId: sealKey.id, wrapped }
    },
    async unwrap({ keyId, wrapped }, context) {
      const sealKey = key()
      if (sealKey.id !== keyId) {
        throw new ServiceError('seal_key_wrong', {
          detail: `${path} is not the key that this database was sealed with`,
        })
      }
      return sealKey.open(Buffer.from(wrapped, 'base64url'), context)
    },
    legacyDataKey: () => readKeyFile(path),
  }
}
