import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { CountersignError, createStaticKeySet, type KeySource } from '@countersign/sdk'
import type { Now } from '../lib/index.ts'

/** How long a read file is believed before it is read again, in milliseconds: the bound within which a removed key ends. */
const FRESH_MS = 30_000
/** After a failure the file is left alone for so long, in milliseconds: strangers' proofs must not read it at their own pace. */
const RETRY_MS = 1000
/** Largest key set that is read (J-06). */
const MAX_BYTES = 512 * 1024

/** Where the keys lie, and whose they are. */
export interface FileKeySetOptions {
  readonly path: string
  readonly issuer: string
  readonly algorithms: readonly string[]
  readonly now: Now
}

async function readBounded(path: string): Promise<string> {
  try {
    // Without O_NONBLOCK opening a pipe waits for its writer, in one of the few threads that all file access shares.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) throw new CountersignError('key_set_invalid', { reason: 'it is not a file' })
      const buffer = Buffer.alloc(MAX_BYTES + 1)
      let length = 0
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
        length += bytesRead
        if (bytesRead === 0 || length === buffer.length) break
      }
      if (length > MAX_BYTES)
        throw new CountersignError('key_set_invalid', { reason: 'the file is larger than 512 KiB' })
      return buffer.toString('utf8', 0, length)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof CountersignError) throw error
    throw new CountersignError('keys_unavailable', { reason: 'the JWKS file cannot be read', cause: error })
  }
}

/**
 * The keys of a JWKS file, read again at most every 30 seconds, so that a key added or removed there is followed within that time.
 * A file that has become unreadable or invalid yields no keys at all: who took it away may have meant it.
 */
export function createFileKeySet(options: FileKeySetOptions): KeySource {
  let current: KeySource | undefined
  let readAt = 0
  let reading: Promise<KeySource> | undefined
  let closed = false
  let failure: { readonly error: unknown; readonly at: number } | undefined

  const fresh = (): KeySource | undefined =>
    current !== undefined && Math.abs(options.now().getTime() - readAt) < FRESH_MS ? current : undefined

  async function read(): Promise<KeySource> {
    const at = options.now().getTime()
    if (closed) throw new CountersignError('keys_unavailable', { reason: 'the key source is closed' })
    if (failure !== undefined && Math.abs(at - failure.at) < RETRY_MS) throw failure.error
    try {
      current = createStaticKeySet(await readBounded(options.path), options)
      readAt = at
      return current
    } catch (error) {
      current = undefined
      failure = { error, at }
      throw error
    }
  }

  function load(): Promise<KeySource> {
    const known = fresh()
    if (known) return Promise.resolve(known)
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }

  return {
    issuer: options.issuer,
    peek: (kid, alg) => fresh()?.peek(kid, alg),
    find: async (kid, alg) => (await load()).find(kid, alg),
    has: (kid) => current?.has(kid) ?? false,
    cachedKids: () => current?.cachedKids() ?? [],
    prefetch: async () => {
      await load()
    },
    close() {
      closed = true
      current = undefined
    },
  }
}
