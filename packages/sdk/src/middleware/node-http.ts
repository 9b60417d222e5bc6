import type { PresentedHeader, PresentedRequest } from './presented-request.ts'
import type { Refusal } from './refusal.ts'
import { describeResource, type ResourceMetadata, type ResourceMetadataOptions } from './resource-metadata.ts'

/** What is used of a request of node:http, node:https or node:http2's compatibility API. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Names and values in turn, as they arrived: the parsed headers keep only the first of two Authorization headers. */
  readonly rawHeaders: readonly string[]
  readonly socket: object
}

/** What is used of a response of node:http, node:https or node:http2's compatibility API. */
export interface NodeResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/** A node request as a gate sees it. Reads lazily; the body is not touched. */
export class PresentedNodeRequest implements PresentedRequest {
  readonly method: string
  readonly target: string
  readonly #request: NodeRequest

  constructor(request: NodeRequest, target: string | undefined) {
    this.method = request.method ?? ''
    this.target = target ?? ''
    this.#request = request
  }

  values(header: PresentedHeader): string | readonly string[] | undefined {
    const { rawHeaders } = this.#request
    let found: string | string[] | undefined
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]
      if (name === undefined || name.length !== header.length || name.toLowerCase() !== header) continue
      const value = rawHeaders[i + 1] ?? ''
      found = found === undefined ? value : [...(typeof found === 'string' ? [found] : found), value]
    }
    return found
  }

  peerCertificate(): Uint8Array | undefined {
    return certificateOf(this.#request.socket)
  }
}

/**
 * The DER of the certificate that the peer of a socket has proven to hold, if it is a TLS socket and the peer has. Asked for at
 * each use, since a connection may be renegotiated.
 */
export function certificateOf(socket: object | undefined): Uint8Array | undefined {
  const { encrypted, getPeerX509Certificate } = (socket ?? {}) as {
    encrypted?: unknown
    getPeerX509Certificate?: () => { readonly raw: Uint8Array } | undefined
  }
  if (encrypted !== true || typeof getPeerX509Certificate !== 'function') return undefined
  return getPeerX509Certificate.call(socket)?.raw
}

/** Sends the answer to a request that is not admitted. */
export function sendRefusal(response: NodeResponse, refusal: Refusal): void {
  response.statusCode = refusal.status
  for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value)
  response.setHeader('Content-Length', String(Buffer.byteLength(refusal.body)))
  response.end(refusal.body)
}

/** A metadata document with a handler that serves it. */
export interface NodeResourceMetadata extends ResourceMetadata {
  /** Answers GET and HEAD with the document; route its `path` here. */
  readonly handler: (request: NodeRequest, response: NodeResponse) => void
}

/** The document of an API and its handler. @throws CountersignError `configuration_invalid`. */
export function resourceMetadata(options: ResourceMetadataOptions): NodeResourceMetadata {
  const metadata = describeResource(options)
  return Object.freeze({
    ...metadata,
    handler(request: NodeRequest, response: NodeResponse) {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.statusCode = 405
        response.setHeader('Allow', 'GET, HEAD')
        response.end('')
        return
      }
      response.statusCode = 200
      response.setHeader('Content-Type', 'application/json')
      response.setHeader('Content-Length', String(Buffer.byteLength(metadata.body)))
      response.end(metadata.body)
    },
  })
}
