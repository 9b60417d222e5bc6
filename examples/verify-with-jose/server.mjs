// An API that verifies its callers' access tokens with jose. The guide is docs/how-to/verify-with-jose.md.
import { createServer } from 'node:http'
import process from 'node:process'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER = 'http://127.0.0.1:8700', AUDIENCE = 'https://orders.acme.example', PORT = '8710' } = process.env
const LEEWAY_SECONDS = 30
const MAX_LIFETIME_SECONDS = 86_400

const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))

/** The claims of a token that is for us. @throws errors.JOSEError for any other, and whatever fetching the keys throws. */
async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: ['ES256'],
    // RFC 9068 section 4: an ID token of the same issuer must not pass for an access token.
    typ: 'at+jwt',
    // Without this a token without exp lives for ever.
    requiredClaims: ['exp', 'sub', 'jti', 'client_id'],
    clockTolerance: LEEWAY_SECONDS,
    // Refuses what was issued in the future, too.
    maxTokenAge: MAX_LIFETIME_SECONDS,
  })
  // The rest is not jose's to check. `1e999` is Infinity, and later than every now.
  if (!(payload.exp - payload.iat <= MAX_LIFETIME_SECONDS)) throw new errors.JWTInvalid('the token lives too long')
  // A token for several audiences can be carried from one to the other.
  if (Array.isArray(payload.aud) && payload.aud.length > 1) throw new errors.JWTInvalid('several audiences')
  // RFC 9449, RFC 8705: bound to a key that nobody has checked here.
  if (payload.cnf !== undefined) throw new errors.JWTInvalid('the token is sender-constrained')
  return payload
}

/** Whether the token is at fault, rather than the way to the issuer's keys. */
function isTokenFault(error) {
  return error instanceof errors.JOSEError && !['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT'].includes(error.code)
}

async function respond(request) {
  if (request.method !== 'GET' || request.url !== '/orders') return { status: 404 }
  const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return { status: 401, challenge: 'Bearer' }
  try {
    const { client_id, scope } = await verify(token)
    if (!String(scope).split(' ').includes('orders:read')) {
      return { status: 403, challenge: 'Bearer error="insufficient_scope", scope="orders:read"' }
    }
    return { status: 200, body: { orders: 3, caller: client_id } }
  } catch (error) {
    // RFC 6750 section 3.1: one answer for every fault of a token.
    return isTokenFault(error) ? { status: 401, challenge: 'Bearer error="invalid_token"' } : { status: 503 }
  }
}

const server = createServer(async (request, response) => {
  request.resume()
  const { status, challenge, body } = await respond(request)
  const headers = { 'content-type': 'application/json', ...(challenge && { 'www-authenticate': challenge }) }
  response.writeHead(status, headers).end(JSON.stringify(body ?? { status }))
})
server.listen(Number(PORT), '127.0.0.1', () => {
  process.stdout.write(`orders API on http://127.0.0.1:${server.address().port}, tokens of ${ISSUER} for ${AUDIENCE}\n`)
})
