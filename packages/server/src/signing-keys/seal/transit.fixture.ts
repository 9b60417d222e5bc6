/**
 * A server that speaks the part of OpenBao's and HashiCorp Vault's HTTP API that sealing uses: encrypt, decrypt, rewrap and rotate of
 * transit keys with versions, tokens with policies, namespaces, and the answers of a server that is sealed, standby, or no such thing.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { cleanUp, type TestScope } from '../../../../../test/support/database.ts'

interface TransitKey {
  versions: Buffer[]
  minDecryptionVersion: number
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What a call was, for tests that look at the wire. */
export interface SeenCall {
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

/** The running server, and switches for what goes wrong. */
export interface TransitServer {
  readonly address: URL
  readonly calls: SeenCall[]
  /** The token that may update encrypt and decrypt of every key. */
  token: string
  sealed: boolean
  /** Acts that the token's policy lacks. */
  forbidden: Set<string>
  /** Answered instead, each once, before anything else is looked at. `hang` never answers; `cut` ends the connection. */
  readonly next: (Answer | 'hang' | 'cut')[]
  createKey(name: string, mount?: string, namespace?: string): void
  rotateKey(name: string, mount?: string): void
  /** What `min_decryption_version` does: older versions open nothing any more. */
  trimKey(name: string, minDecryptionVersion: number): void
  deleteKey(name: string): void
}

/** Starts one on loopback; with `tls` over TLS. It ends with the test. */
export async function startTransitServer(
  scope: TestScope,
  { tls }: { readonly tls?: { readonly key: string; readonly cert: string } } = {},
): Promise<TransitServer> {
  const keys = new Map<string, TransitKey>()
  const place = (namespace: string, mount: string, name: string) => `${namespace}|${mount}|${name}`
  const mounts = new Set<string>()
  const state = { sealed: false, token: `s.${randomBytes(18).toString('base64url')}` }
  const forbidden = new Set<string>()
  const next: TransitServer['next'] = []
  const calls: SeenCall[] = []

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    calls.push({ path, headers: request.headers })
    const planned = next.shift()
    if (planned === 'hang') return
    if (planned === 'cut') return void request.socket.destroy()
    const { status, body, headers = {} } = planned ?? (await answer(request, path))
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }

  async function answer(request: IncomingMessage, path: string): Promise<Answer> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (state.sealed) return errors(503, 'Vault is sealed')
    const [, mount = '', act = '', name = ''] = /^\/v1\/(.+)\/(encrypt|decrypt|rewrap)\/([^/]+)$/.exec(path) ?? []
    const namespace = String(request.headers['x-vault-namespace'] ?? '')
    const allowed = request.headers['x-vault-token'] === state.token && !forbidden.has(act)
    if (!allowed) return errors(403, '1 error occurred:\n\t* permission denied\n\n')
    if (request.method !== 'POST' && request.method !== 'PUT') return errors(405)
    if (!mounts.has(`${namespace}|${mount}`)) {
      return errors(404, `no handler for route "${mount}/${act}/${name}". route entry not found.`)
    }
    const key = keys.get(place(namespace, mount, name))
    if (!key) return errors(400, 'encryption key not found')
    let input: Record<string, string>
    try {
      input = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    } catch {
      return errors(400, 'failed to parse JSON input')
    }
    const aad = Buffer.from(input['associated_data'] ?? '', 'base64')
    if (act === 'encrypt') return ok({ ...encrypt(key, Buffer.from(input['plaintext'] ?? '', 'base64'), aad) })
    const plaintext = decrypt(key, input['ciphertext'] ?? '', aad)
    if (typeof plaintext === 'string') return errors(400, plaintext)
    return act === 'decrypt' ? ok({ plaintext: plaintext.toString('base64') }) : ok({ ...encrypt(key, plaintext, aad) })
  }

  const listener = (request: IncomingMessage, response: ServerResponse) => {
    respond(request, response).catch(() => response.destroy())
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(scope, () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    address: new URL(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`),
    calls,
    next,
    forbidden,
    get token() {
      return state.token
    },
    set token(value) {
      state.token = value
    },
    get sealed() {
      return state.sealed
    },
    set sealed(value) {
      state.sealed = value
    },
    createKey(name, mount = 'transit', namespace = '') {
      mounts.add(`${namespace}|${mount}`)
      keys.set(place(namespace, mount, name), { versions: [randomBytes(32)], minDecryptionVersion: 1 })
    },
    rotateKey: (name, mount = 'transit') => void keys.get(place('', mount, name))?.versions.push(randomBytes(32)),
    trimKey(name, minDecryptionVersion) {
      const key = keys.get(place('', 'transit', name))
      if (key) key.minDecryptionVersion = minDecryptionVersion
    },
    deleteKey: (name) => void keys.delete(place('', 'transit', name)),
  }
}

function encrypt({ versions }: TransitKey, plaintext: Buffer, aad: Buffer) {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? '', nonce)
  cipher.setAAD(aad)
  const body = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  return { ciphertext: `vault:v${versions.length}:${body.toString('base64')}`, key_version: versions.length }
}

function decrypt({ versions, minDecryptionVersion }: TransitKey, ciphertext: string, aad: Buffer): Buffer | string {
  const [, version = '', text = ''] = /^vault:v([1-9][0-9]*):([A-Za-z0-9+/=]+)$/.exec(ciphertext) ?? []
  const key = versions[Number(version) - 1]
  if (!key) return 'invalid ciphertext: version is too new'
  if (Number(version) < minDecryptionVersion) return 'ciphertext or signature version is disallowed by policy (too old)'
  const body = Buffer.from(text, 'base64')
  if (body.length < 28) return 'invalid ciphertext length'
  const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, 12))
  decipher.setAAD(aad)
  decipher.setAuthTag(body.subarray(-16))
  try {
    return Buffer.concat([decipher.update(body.subarray(12, -16)), decipher.final()])
  } catch {
    return 'cipher: message authentication failed'
  }
}

function ok(data: Readonly<Record<string, unknown>>): Answer {
  const envelope = { lease_id: '', renewable: false, lease_duration: 0, wrap_info: null, warnings: null, auth: null }
  return { status: 200, body: JSON.stringify({ request_id: 'b1b0b6a4', ...envelope, data }) }
}

function errors(status: number, ...texts: string[]): Answer {
  return { status, body: JSON.stringify({ errors: texts }) }
}
