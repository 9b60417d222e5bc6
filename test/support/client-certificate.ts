/** Self-signed client certificates for tests of mutual TLS behind a proxy, as DER (RFC 5280), and the header that a proxy makes of one. */
import { generateKeyPairSync, hash, sign } from 'node:crypto'

/** A certificate with the names under which it goes. */
export interface ClientCertificate {
  readonly der: Buffer
  /** The `Client-Cert` header of RFC 9440. */
  readonly header: string
  /** `x5t#S256` of RFC 8705. */
  readonly thumbprint: string
}

/** Makes a certificate of a fresh P-256 key, valid for this century. */
export function createClientCertificate(commonName = 'workload'): ClientCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))))
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const utcTime = (text: string) => der(0x17, Buffer.from(text))
  const content = sequence(
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    sequence(utcTime('200101000000Z'), utcTime('491231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('sha256', content, privateKey)
  const certificate = sequence(content, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  return {
    der: certificate,
    header: `:${certificate.toString('base64')}:`,
    thumbprint: hash('sha256', certificate, 'base64url'),
  }
}

function der(tag: number, content: Uint8Array): Buffer {
  const size = content.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, Buffer.concat(parts))
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
