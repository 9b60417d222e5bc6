// An API that verifies its callers' access tokens with express-oauth2-jwt-bearer. The guide is
// docs/how-to/verify-with-express-oauth2-jwt-bearer.md.
import process from 'node:process'
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'

const { ISSUER = 'http://127.0.0.1:8700', AUDIENCE = 'https://orders.acme.example', PORT = '8710' } = process.env
const LEEWAY_SECONDS = 30
const MAX_LIFETIME_SECONDS = 86_400

const app = express()
app.use(
  auth({
    issuerBaseURL: ISSUER,
    // Otherwise it is whatever the metadata says.
    issuer: ISSUER,
    audience: AUDIENCE,
    tokenSigningAlg: 'ES256',
    // typ is at+jwt, and sub, client_id, jti and iat are there (RFC 9068).
    strict: true,
    clockTolerance: LEEWAY_SECONDS,
    // Refuses what was issued in the future, too.
    maxTokenAge: MAX_LIFETIME_SECONDS,
    // DPoP is on by default, and keeps no record of used proofs. Off, with `cnf` refused below.
    dpop: { enabled: false },
    validators: {
      // One audience, which is ours: a token for several can be carried from one to the other.
      aud: (aud) => aud === AUDIENCE || (Array.isArray(aud) && aud.length === 1 && aud[0] === AUDIENCE),
      // `1e999` is Infinity, and later than every now.
      exp: (exp, { iat }) => exp - iat <= MAX_LIFETIME_SECONDS && exp > Date.now() / 1000 - LEEWAY_SECONDS,
      sub: (sub) => typeof sub === 'string' && sub !== '',
      // RFC 9449, RFC 8705: bound to a key that nobody has checked here.
      cnf: (cnf) => cnf === undefined,
    },
  }),
)

app.get('/orders', requiredScopes('orders:read'), (request, response) => {
  response.json({ orders: 3, caller: request.auth.payload.client_id })
})

// Express's own answer to an error shows its stack outside of production. Four parameters make this an error handler.
app.use((error, _request, response, _next) => {
  const status = error.status ?? 500
  response
    .status(status)
    .set(error.headers ?? {})
    .json({ status })
})

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  process.stdout.write(`orders API on http://127.0.0.1:${server.address().port}, tokens of ${ISSUER} for ${AUDIENCE}\n`)
})
