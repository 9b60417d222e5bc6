// An API that verifies its callers' access tokens with aws-jwt-verify. The guide is docs/how-to/verify-with-aws-jwt-verify.md.
import { createServer } from 'node:http'
import process from 'node:process'
import { JwtVerifier } from 'aws-jwt-verify'
import { FetchError, JwtBaseError, JwtInvalidClaimError } from 'aws-jwt-verify/error'

// The issuer must be https: this library fetches keys over nothing else.
const { ISSUER = 'https://sts.acme.example', AUDIENCE = 'https://orders.acme.example', PORT = '8710' } = process.env
const { KEYS_MAX_AGE_SECONDS = '600' } = process.env
const LEEWAY_SECONDS = 30
const MAX_LIFETIME_SECONDS = 86_400

const verifier = JwtVerifier.create({
  issuer: ISSUER,
  audience: AUDIENCE,
  jwksUri: `${ISSUER}/.well-known/jwks.json`,
  graceSeconds: LEEWAY_SECONDS,
  customJwtCheck({ header, payload }) {
    const refuse = (reason) => {
      throw new JwtInvalidClaimError(reason, undefined)
    }
    // There is no option for algorithms.
    if (header.alg !== 'ES256') refuse('alg')
    // RFC 7515 section 4.1.11: an extension that is not understood.
    if (header.crit !== undefined) refuse('crit')
    // RFC 9068 section 4: an ID token of the same issuer must not pass for an access token.
    if (!/^(application\/)?at\+jwt$/i.test(header.typ ?? '')) refuse('typ')
    for (const name of ['sub', 'jti', 'client_id']) {
      if (typeof payload[name] !== 'string' || payload[name] === '') refuse(name)
    }
    // A token without exp lives for ever otherwise. `1e999` is Infinity, and later than every now.
    const { exp, iat, aud, cnf } = payload
    if (!(Number.isFinite(exp) && Number.isFinite(iat) && exp - iat <= MAX_LIFETIME_SECONDS)) refuse('exp')
    if (iat > Date.now() / 1000 + LEEWAY_SECONDS) refuse('iat')
    // A token for several audiences can be carried from one to the other.
    if (Array.isArray(aud) && aud.length > 1) refuse('aud')
    // RFC 9449, RFC 8705: bound to a key that nobody has checked here.
    if (cnf !== undefined) refuse('cnf')
  },
})
// It keeps a key for ever otherwise, also one that was revoked. Failing, it goes on with what it has.
setInterval(() => verifier.hydrate().catch(() => {}), Number(KEYS_MAX_AGE_SECONDS) * 1000).unref()

/** Whether the token is at fault, rather than the way to the issuer's keys. */
function isTokenFault(error) {
  return error instanceof JwtBaseError && !(error instanceof FetchError)
}

async function respond(request) {
  if (request.method !== 'GET' || request.url !== '/orders') return { status: 404 }
  const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return { status: 401, challenge: 'Bearer' }
  try {
    const { client_id, scope } = await verifier.verify(token)
    // Not the option `scope`: it would make 401 of what must be 403.
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
