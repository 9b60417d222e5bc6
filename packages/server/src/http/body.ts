import type { IncomingMessage } from 'node:http'
import { ServiceError } from '../errors.ts'
import type { HttpContext } from './context.ts'

/** The most that a request body may hold unless a route says otherwise. */
export const MAX_BODY_BYTES = 64 * 1024

/**
 * Reads the request's body, counting while it comes in: a declared length above the limit is refused before a byte is read, and an
 * undeclared one as soon as it passes the limit (W-11). Compressed bodies are refused, so that the limit is what it says.
 * @throws ServiceError payload_too_large, unsupported_media_type, invalid_request (the connection ended early)
 */
export async function readBody(c: HttpContext, maxBytes: number = MAX_BODY_BYTES): Promise<Uint8Array> {
  refuseDeclared(c.req.header('content-encoding'), c.req.header('content-length'), maxBytes)
  const incoming = c.env?.incoming
  return incoming === undefined ? readStream(c.req.raw.body, maxBytes) : readIncoming(incoming, maxBytes)
}

/** {@link readBody} of a request that node has parsed. */
export async function readIncomingBody(
  incoming: IncomingMessage,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<Uint8Array> {
  refuseDeclared(incoming.headers['content-encoding'], incoming.headers['content-length'], maxBytes)
  return readIncoming(incoming, maxBytes)
}

function refuseDeclared(encoding: string | undefined, length: string | undefined, maxBytes: number): void {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ServiceError('unsupported_media_type', { detail: 'content encodings are not supported' })
  }
  if (length !== undefined && (!/^[0-9]{1,15}$/.test(length) || Number(length) > maxBytes)) throw tooLarge(maxBytes)
}

/**
 * Whether a Content-Type header names one of these media types, with no charset but UTF-8.
 * Compared without regard to case and parameters (RFC 9110 section 8.3.1).
 */
export function hasMediaType(header: string | undefined, accepted: readonly string[]): boolean {
  if (header === undefined) return false
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase())
  if (!accepted.includes(type)) return false
  return parameters.every((parameter) => !parameter.startsWith('charset=') || /^charset="?utf-8"?$/.test(parameter))
}

function tooLarge(maxBytes: number): ServiceError {
  return new ServiceError('payload_too_large', { detail: `at most ${maxBytes} bytes are read here` })
}

function endedEarly(cause?: unknown): ServiceError {
  return new ServiceError('invalid_request', { detail: 'the connection ended before the body did', cause })
}

async function readStream(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

// Reads node's stream itself: going through a web stream costs more than everything else that this layer does.
function readIncoming(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (act: () => void): void => {
      incoming.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
      act()
    }
    const onData = (chunk: Buffer): void => {
      size += chunk.byteLength
      if (size > maxBytes) settle(() => reject(tooLarge(maxBytes)))
      else chunks.push(chunk)
    }
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    const onError = (error: Error): void => settle(() => reject(endedEarly(error)))
    const onClose = (): void => settle(() => reject(endedEarly()))
    if (incoming.readableEnded) resolve(new Uint8Array(0))
    else if (incoming.destroyed) reject(endedEarly())
    else incoming.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  })
}
