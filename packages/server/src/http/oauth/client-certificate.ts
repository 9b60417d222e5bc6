import { hash, X509Certificate } from 'node:crypto'
import { ServiceError } from '../../errors.ts'
import type { RequestSender } from '../sender.ts'
import { createTrustedProxies, plainAddress } from './trusted-proxies.ts'

/**
 * Finds the client certificate that a TLS terminator vouches for, as its `x5t#S256` (RFC 8705 section 3.1); undefined: there is none.
 * @throws ServiceError invalid_request for a header that may not be believed, or that holds no certificate
 */
export type CertificateThumbprint = (sender: Pick<RequestSender, 'clientCert' | 'peer'>) => string | undefined

/** Who is believed. */
export interface ClientCertificateDeps {
  /** Whether proxies terminate mutual TLS here and set the header (`http.clientCertificates`). */
  readonly enabled: boolean
  readonly trustedProxies: readonly string[]
}

// RFC 9440 section 2.1: one item, a byte sequence (RFC 8941 section 3.3.5), without parameters.
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]{4,}={0,2}):$/
const MAX_HEADER_LENGTH = 12 * 1024

/**
 * The `Client-Cert` header (RFC 9440), from a peer in `trustedProxies` only. From anybody else it is an attempt to be somebody else, or a
 * proxy that has not been declared: refused rather than ignored, so that neither goes unnoticed. The proxy has checked that the client
 * holds the certificate's key; who has issued it does not matter for a binding.
 */
export function createCertificateThumbprint({ enabled, trustedProxies }: ClientCertificateDeps): CertificateThumbprint {
  const isTrusted = createTrustedProxies(trustedProxies)
  return ({ clientCert, peer }) => {
    if (clientCert === undefined) return undefined
    const address = plainAddress(peer)
    if (!enabled || address === undefined || !isTrusted(address)) {
      throw invalid('the Client-Cert header is taken from declared proxies only')
    }
    return hash('sha256', parseCertificate(clientCert), 'base64url')
  }
}

function parseCertificate(header: string): Buffer {
  const text = header.length > MAX_HEADER_LENGTH ? undefined : BYTE_SEQUENCE.exec(header.trim())?.[1]
  if (text === undefined) throw invalid('the Client-Cert header is not one byte sequence')
  const der = Buffer.from(text, 'base64')
  // Two spellings of one certificate would have two thumbprints.
  if (der.toString('base64') !== text || !isCertificate(der)) throw invalid('the Client-Cert header is no certificate')
  return der
}

function isCertificate(der: Buffer): boolean {
  try {
    // The parser takes PEM too, and stops at the end of the first certificate: what is left over is not part of `raw`.
    return new X509Certificate(der).raw.equals(der)
  } catch {
    return false
  }
}

function invalid(detail: string): ServiceError {
  return new ServiceError('invalid_request', { detail })
}
