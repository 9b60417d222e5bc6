import type { PresentedHeader, PresentedRequest } from './presented-request.ts'

/** A web-standard request as a gate sees it. A connection is not part of one, so its certificate comes from elsewhere. */
export class PresentedFetchRequest implements PresentedRequest {
  readonly method: string
  readonly target: string
  readonly #headers: Headers
  readonly #certificate: (() => Uint8Array | undefined) | undefined

  constructor(request: Request, certificate?: () => Uint8Array | undefined) {
    this.method = request.method
    this.target = request.url
    this.#headers = request.headers
    this.#certificate = certificate
  }

  values(header: PresentedHeader): string | undefined {
    return this.#headers.get(header) ?? undefined
  }

  peerCertificate(): Uint8Array | undefined {
    return this.#certificate?.()
  }
}
