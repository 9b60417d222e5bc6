import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { CLI_FAULTS, CliFault, cliFault } from './faults.ts'

/** One HTTP exchange over TCP or a unix socket. Redirects are never followed. */
export interface SendInput {
  /** `http:` is for loopback and unix sockets; `parseServerUrl` refuses the rest. */
  readonly url: URL
  readonly socketPath?: string | undefined
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** PEM of the CA to trust instead of the system's. */
  readonly ca?: string | undefined
  /** For the whole exchange; with `streams`, between two pieces of the body. */
  readonly timeoutMs: number
  readonly streams?: boolean
  readonly signal?: AbortSignal | undefined
}

/** An answer whose body has not been read. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void }
}

/** The largest answer that is held in memory. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** Error codes that mean that the request never reached a server. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTSOCK',
  'EACCES',
  'EPERM',
])

/**
 * Sends one request and resolves at the answer's headers.
 * @throws CliFault unreachable (its cause's code says whether a connection was made), timeout, interrupted
 */
export function send(input: SendInput): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions & { ca?: string } = {
      method: input.method,
      headers: {
        ...input.headers,
        ...(input.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(input.body)) }),
      },
      agent: false,
      ...(input.ca === undefined ? {} : { ca: input.ca }),
      ...(input.socketPath === undefined
        ? {}
        : { socketPath: input.socketPath, path: `${input.url.pathname}${input.url.search}` }),
    }
    const start = input.url.protocol === 'https:' ? requestHttps : requestHttp
    const request = start(input.url, options)
    let received: IncomingMessage | undefined
    // Whoever reads the body gets the reason; once there is one, ending the request alone would look like a broken connection.
    const fail = (error: Error): void => void (received ?? request).destroy(error)
    const timer = setTimeout(() => fail(new TimeoutError()), input.timeoutMs)
    const abort = (): void => fail(new InterruptError())
    input.signal?.addEventListener('abort', abort, { once: true })
    const settle = (): void => {
      clearTimeout(timer)
      input.signal?.removeEventListener('abort', abort)
    }
    request.on('error', (error) => {
      settle()
      reject(describeFailure(error, input))
    })
    request.on('response', (response) => {
      received = response
      // The limit covers the body too: a server that trickles must not hold the caller for ever. A stream may take its time,
      // but not stand still.
      if (input.streams) {
        clearTimeout(timer)
        response.setTimeout(input.timeoutMs, () => fail(new TimeoutError()))
      }
      response.on('close', settle)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response })
    })
    if (input.signal?.aborted) abort()
    request.end(input.body)
  })
}

/** Reads a whole body as UTF-8 text. @throws CliFault unexpected_answer above the size limit, timeout */
export async function readText(answer: Answer, maxBytes = MAX_ANSWER_BYTES): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of answer.body) {
      size += chunk.length
      if (size > maxBytes) throw cliFault('unexpected_answer', `the answer is larger than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw describeBreak(error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Why reading a body ended early, as a fault. */
export function describeBreak(error: unknown): CliFault {
  if (error instanceof CliFault) return error
  if (error instanceof TimeoutError) return cliFault('timeout', 'the answer did not end in time')
  if (error instanceof InterruptError) return new CliFault({ code: 'interrupted', ...CLI_FAULTS.interrupted })
  return cliFault('unreachable', 'the connection broke before the answer ended')
}

/** Whether the failure happened before a connection was made, so that a repetition cannot do anything twice. */
export function isNotConnected(error: unknown): boolean {
  const cause = error instanceof CliFault ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && NOT_CONNECTED.has(cause.code)
}

class TimeoutError extends Error {}
class InterruptError extends Error {}

function describeFailure(error: Error, input: SendInput): CliFault {
  const where = input.socketPath === undefined ? input.url.origin : `the socket ${input.socketPath}`
  if (error instanceof TimeoutError) return cliFault('timeout', `${where} gave no answer within ${input.timeoutMs} ms`)
  if (error instanceof InterruptError) return new CliFault({ code: 'interrupted', ...CLI_FAULTS.interrupted })
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return cliFault('unreachable', `${where}: ${WORDS[code] ?? code}`, { cause: error })
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOENT: 'there is no such socket (ENOENT)',
  ENOTFOUND: 'the name does not resolve (ENOTFOUND)',
  EACCES: 'this user may not use it (EACCES)',
  ECONNRESET: 'the connection was reset (ECONNRESET)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name its CA in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not from a trusted CA; name the CA in NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not from a trusted CA; name the CA in NODE_EXTRA_CA_CERTS',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}
