/** An issuer of the tests' own: its key signs what the real server never would. Its metadata has the form of the real one's. */
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { cleanUp, type TestScope } from '../../support/database.ts'
import type { Certificate } from './certificate.ts'
import { createTokenMaker, type TokenMaker } from './odd-tokens.ts'

/** A token maker that is served. */
export interface TestIssuer extends TokenMaker {
  /** From now on another key is in the key set in place of this one. */
  removeKey(): void
  /** How often the key set has been fetched. */
  fetches(): number
}

/** Starts one. With a certificate it is https. `keysFail`: the key set is not to be had. */
export async function startIssuer(
  scope: TestScope,
  options: {
    readonly audience: string
    readonly certificate?: Certificate | undefined
    readonly keysFail?: boolean
    readonly metadata?: (issuer: string) => Readonly<Record<string, unknown>>
  },
): Promise<TestIssuer> {
  const { audience, certificate, keysFail = false } = options
  let maker: TokenMaker | undefined
  let jwks: TokenMaker['jwks'] | undefined
  let fetches = 0
  const listener: RequestListener = (request, response) => {
    const issuer = maker?.issuer ?? ''
    if (request.url === '/.well-known/jwks.json') fetches += 1
    if (keysFail && request.url === '/.well-known/jwks.json') {
      response.writeHead(503).end()
      return
    }
    const bodies: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': options.metadata?.(issuer),
      '/.well-known/jwks.json': jwks,
    }
    const body = bodies[request.url ?? '']
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}))
  }
  const server = certificate
    ? createTlsServer({ key: certificate.key, cert: certificate.certificate }, listener)
    : createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  cleanUp(scope, () => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  maker = createTokenMaker(`${certificate ? 'https' : 'http'}://127.0.0.1:${port}`, audience)
  jwks = maker.jwks
  return {
    ...maker,
    fetches: () => fetches,
    removeKey() {
      jwks = createTokenMaker('https://other.acme.example', audience).jwks
    },
  }
}
