import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { TestKey } from '../signed-tokens.fixture.ts'

/** A local issuer whose answers a test can change while it runs. */
export interface IssuerServer {
  readonly issuer: string
  /** Paths asked for, in order. */
  readonly requests: string[]
  /** Connections made, also those without a request. */
  connections: number
  keys: readonly TestKey[]
  /** Answers instead of the normal documents when set; returns whether it did. */
  intercept: ((...args: Parameters<RequestListener>) => boolean) | undefined
}

/** Starts an issuer on loopback that ends with the test. With `tls` it is https under that host name. */
export async function startIssuer(
  t: TestContext,
  options: { tls?: Certificate; host?: string; address?: string } = {},
): Promise<IssuerServer> {
  const listener: RequestListener = (request, response) => {
    state.requests.push(request.url ?? '')
    if (state.intercept?.(request, response) === true) return
    response.setHeader('content-type', 'application/json')
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: state.issuer, jwks_uri: `${state.issuer}/jwks` }))
    } else if (request.url === '/jwks') response.end(JSON.stringify({ keys: state.keys.map((key) => key.jwk) }))
    else response.writeHead(404).end('{}')
  }
  const { tls, address = '127.0.0.1', host = address } = options
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((listening) => server.listen(0, address, listening))
  const { port } = server.address() as AddressInfo
  const state: IssuerServer = {
    issuer: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    requests: [],
    connections: 0,
    keys: [],
    intercept: undefined,
  }
  server.on('connection', () => state.connections++)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return state
}

/** A certificate and its key, both PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A self-signed certificate for a host name, valid now; written as DER by hand, since node makes none. */
export function selfSign(host: string): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts)
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255]
    return Buffer.concat([Buffer.from([tag, ...length]), body])
  }
  const hex = (text: string) => Buffer.from(text, 'hex')
  const time = (year: number) => der(0x18, Buffer.from(`${year}0101000000Z`))
  const algorithm = der(0x30, der(0x06, hex('2a8648ce3d040302')))
  const name = der(0x30, der(0x31, der(0x30, der(0x06, hex('550403')), der(0x0c, Buffer.from(host)))))
  const san = der(0x30, der(0x06, hex('551d11')), der(0x04, der(0x30, der(0x82, Buffer.from(host)))))
  const ca = der(0x30, der(0x06, hex('551d13')), der(0x01, hex('ff')), der(0x04, der(0x30, der(0x01, hex('ff')))))
  const body = der(
    0x30,
    der(0xa0, der(0x02, hex('02'))),
    der(0x02, Buffer.concat([hex('01'), randomBytes(8)])),
    algorithm,
    name,
    der(0x30, time(2020), time(2999)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, der(0x30, san, ca)),
  )
  const signature = der(0x03, hex('00'), sign('sha256', body, privateKey))
  const encoded = der(0x30, body, algorithm, signature).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${encoded.replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  }
}
