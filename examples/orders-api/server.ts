// An API that knows its callers by short-lived tokens. It stores no secret, and asks nobody per request.
import { createServer, type IncomingMessage } from 'node:http'
import process from 'node:process'
import { createTokenVerifier, isCountersignError, type TokenClaims } from '@countersign/sdk'

// The defaults are those of `npm run quickstart -- --keep`.
const { ISSUER = 'http://127.0.0.1:8700', AUDIENCE = 'https://orders.acme.example', PORT = '8710' } = process.env

const verifier = createTokenVerifier({
  issuer: ISSUER,
  audience: AUDIENCE,
  // Only for an issuer on this machine; a real one is https, and then this does nothing.
  remote: { allowLoopbackHttp: ISSUER.startsWith('http://127.0.0.1:') },
})

/** Which scope each route takes. What is not listed does not exist. */
const ROUTES: Readonly<Record<string, { scope: string; answer: (caller: TokenClaims) => object }>> = {
  'GET /orders': { scope: 'orders:read', answer: ({ client_id }) => ({ orders: 3, caller: client_id }) },
  'POST /deployments': { scope: 'orders:deploy', answer: ({ client_id }) => ({ deployed: true, caller: client_id }) },
}

/** The answer to a request: 401 without a valid token, 403 without the scope. Why a token is refused stays here. */
async function respond(request: IncomingMessage): Promise<{ status: number; body: object; challenge?: string }> {
  const route = ROUTES[`${request.method} ${request.url}`]
  if (!route) return { status: 404, body: { error: 'not_found' } }
  const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return { status: 401, body: { error: 'invalid_token' }, challenge: 'Bearer' }
  try {
    const { claims } = await verifier.verify(token)
    const scopes = String(claims['scope'] ?? '').split(' ')
    if (!scopes.includes(route.scope)) {
      const challenge = `Bearer error="insufficient_scope", scope="${route.scope}"`
      return { status: 403, body: { error: 'insufficient_scope' }, challenge }
    }
    return { status: 200, body: route.answer(claims) }
  } catch (error) {
    if (!isCountersignError(error)) throw error
    // The code and the message hold no token and no claim: safe to log.
    process.stderr.write(`refused: ${error.code}: ${error.message}\n`)
    if (error.retryable) return { status: 503, body: { error: 'temporarily_unavailable' } }
    return { status: 401, body: { error: 'invalid_token' }, challenge: 'Bearer error="invalid_token"' }
  }
}

const server = createServer((request, response) => {
  request.resume()
  respond(request).then(
    ({ status, body, challenge }) => {
      const headers = { 'content-type': 'application/json', ...(challenge && { 'www-authenticate': challenge }) }
      response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`)
    },
    (error: unknown) => {
      process.stderr.write(`failed: ${error instanceof Error ? error.name : 'unknown'}\n`)
      response.writeHead(500).end()
    },
  )
})
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : PORT
  process.stdout.write(`orders API on http://127.0.0.1:${port}, tokens of ${ISSUER} for ${AUDIENCE}\n`)
})
