import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceError } from '../../errors.ts'
import { readPrivateBytes } from './key-file.ts'
import type { SealProvider, Wrapping } from './provider.ts'

/** A key of the transit secrets engine of OpenBao or HashiCorp Vault. */
export interface TransitSealInput {
  /** The server's origin: https, or http on loopback (an agent on this host). */
  readonly address: URL
  readonly key: string
  /** Where the engine is mounted; `transit` by default there. */
  readonly mount: string
  /** Holds a token; read again at each call, because whoever renews it replaces the file. */
  readonly tokenFile: string
  readonly namespace: string | undefined
  /** PEM certificates to trust instead of the well-known authorities. */
  readonly caFile: string | undefined
}

/** What the transit provider needs: one bounded POST without redirects. `status` undefined: there was no answer, `reason` says why. */
export interface TransitSealDeps {
  readonly post: (
    url: URL,
    options: {
      readonly headers: Readonly<Record<string, string>>
      readonly body: string
      readonly ca?: string
      readonly timeoutMs: number
      readonly maxBytes: number
    },
  ) => Promise<
    { readonly status: number; readonly body: string } | { readonly status: undefined; readonly reason: string }
  >
  /** Waits before another attempt; tests do not. */
  readonly pause?: (ms: number) => Promise<unknown>
}

const TRIES = 3
const TIMEOUT_MS = 5_000
const MAX_BYTES = 65_536
const CIPHERTEXT = /^vault:v[1-9][0-9]*:[A-Za-z0-9+/]+=*$/
// A token is one line without spaces; anything else would be a header of its own.
const TOKEN = /^[\x21-\x7e]{1,4096}$/

/** A seal provider over `POST /v1/MOUNT/encrypt/KEY` and `decrypt/KEY`: the key never leaves that service. */
export function createTransitSeal(input: TransitSealInput, { post, pause = sleep }: TransitSealDeps): SealProvider {
  const { address, key, mount, namespace } = input
  const place = [...(namespace === undefined ? [] : [namespace]), mount, key].join('/')
  const location = `transit key ${place} at ${address.origin}`

  /** The `data` of the answer. Texts of the answer are never repeated: who knows what they hold. */
  async function call(act: 'encrypt' | 'decrypt', body: Readonly<Record<string, string>>): Promise<unknown> {
    const path = `v1/${mount}/${act}/${key}`
    for (let attempt = 1; ; attempt += 1) {
      const answer = await post(new URL(path, address), {
        headers: headers(input),
        body: JSON.stringify(body),
        ...(input.caFile === undefined ? {} : { ca: readCa(input.caFile) }),
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
      })
      if (answer.status === 200) return dataOf(answer.body)
      const fault = faultOf(answer, { act, path, input })
      // Both acts can be repeated: neither changes anything there.
      if (fault.code !== 'seal_unavailable' || attempt === TRIES) throw fault
      await pause(250 * 2 ** attempt * (0.5 + Math.random() / 2))
    }
  }

  return {
    name: 'transit',
    location,
    knows: ({ keyId }) => keyId === place,
    async wrap(dataKey, context) {
      const plaintext = Buffer.from(dataKey).toString('base64')
      const data = await call('encrypt', { plaintext, associated_data: toBase64(context) })
      const wrapped = member(data, 'ciphertext')
      if (wrapped === undefined || !CIPHERTEXT.test(wrapped)) throw noTransit(location)
      return { provider: 'transit', keyId: place, wrapped }
    },
    async unwrap({ wrapped }: Wrapping, context) {
      const data = await call('decrypt', { ciphertext: wrapped, associated_data: toBase64(context) })
      const plaintext = Buffer.from(member(data, 'plaintext') ?? '', 'base64')
      if (plaintext.length === 0) throw noTransit(location)
      return plaintext
    },
  }
}

function headers({ tokenFile, namespace }: TransitSealInput): Record<string, string> {
  const bytes = readPrivateBytes(tokenFile, { missing: 'seal_refused', unsafe: 'seal_refused' })
  const token = bytes.toString('latin1').trim()
  if (!TOKEN.test(token)) throw new ServiceError('seal_refused', { detail: `${tokenFile} does not hold one token` })
  return {
    'x-vault-token': token,
    // An agent or proxy may be set up to refuse requests without it: a page in a browser cannot send it.
    'x-vault-request': 'true',
    ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
  }
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new ServiceError('seal_refused', { detail: `cannot read ${path} (${code})`, cause })
  }
}

type Refusal =
  | { readonly status: number; readonly body: string }
  | { readonly status: undefined; readonly reason: string }

function faultOf(
  answer: Refusal,
  {
    act,
    path,
    input,
  }: { readonly act: 'encrypt' | 'decrypt'; readonly path: string; readonly input: TransitSealInput },
): ServiceError {
  const host = input.address.origin
  const { status } = answer
  if (status === undefined) return new ServiceError('seal_unavailable', { detail: `${host}: ${answer.reason}` })
  const refused = (detail: string) =>
    new ServiceError('seal_refused', { detail: `${detail} (${host} answers ${status})` })
  if (status >= 300 && status < 400) return refused('redirects are not followed; give the address of the active node')
  if (status === 403) {
    return refused(
      `the token of ${input.tokenFile} has expired, or its policy lacks \`update\` on ${path.slice('v1/'.length)}`,
    )
  }
  if (status === 404) return refused(`there is no transit engine at ${input.mount}, or no such namespace`)
  if (status === 400 && act === 'decrypt') {
    return new ServiceError('seal_key_wrong', {
      detail: `transit key ${input.key} does not open this database: it is another key, or its min_decryption_version was raised past the version that was used`,
    })
  }
  if (status === 400) return refused(`transit key ${input.key} does not exist or cannot encrypt`)
  if (status === 503 && /"Vault is sealed"/.test(answer.body)) {
    return new ServiceError('seal_unavailable', { detail: `${host} is sealed; unseal it` })
  }
  if (status === 412 || status === 429 || status >= 500) {
    return new ServiceError('seal_unavailable', { detail: `${host} answers ${status}` })
  }
  return refused('the answer is none of a transit engine')
}

function dataOf(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && 'data' in value ? value.data : undefined
  } catch {
    return undefined
  }
}

function member(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  const found = (value as Record<string, unknown>)[name]
  return typeof found === 'string' ? found : undefined
}

function noTransit(location: string): ServiceError {
  return new ServiceError('seal_refused', { detail: `the answer for ${location} is not that of a transit engine` })
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}
