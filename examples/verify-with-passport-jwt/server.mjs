// An API that verifies its callers' access tokens with passport-jwt. The guide is docs/how-to/verify-with-passport-jwt.md.
import { KeyObject } from 'node:crypto'
import process from 'node:process'
import express from 'express'
import { createRemoteJWKSet, decodeProtectedHeader, errors } from 'jose'
import passport from 'passport'
import { Strategy } from 'passport-jwt'

const { ISSUER = 'http://127.0.0.1:8700', AUDIENCE = 'https://orders.acme.example', PORT = '8710' } = process.env
const LEEWAY_SECONDS = 30
const MAX_LIFETIME_SECONDS = 86_400

// passport-jwt does not fetch keys.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))

function bearerOf(request) {
  return /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null
}

async function keyOf(token) {
  return KeyObject.from(await keys(readHeader(token)))
}

function readHeader(token) {
  try {
    return decodeProtectedHeader(token)
  } catch {
    throw new errors.JWSInvalid('the header cannot be read')
  }
}

/** Whether a token that passport-jwt took is one for us. What is compared here, jsonwebtoken does not check. */
function isSound({ header, payload }) {
  const { exp, iat, aud, sub, jti, client_id, cnf } = payload
  return (
    // RFC 9068 section 4: an ID token of the same issuer must not pass for an access token.
    /^(application\/)?at\+jwt$/i.test(header.typ ?? '') &&
    // RFC 7515 section 4.1.11: an extension that is not understood.
    header.crit === undefined &&
    [sub, jti, client_id].every((claim) => typeof claim === 'string' && claim !== '') &&
    // A token without exp lives for ever otherwise. `1e999` is Infinity, and later than every now.
    Number.isFinite(exp) &&
    Number.isFinite(iat) &&
    exp - iat <= MAX_LIFETIME_SECONDS &&
    iat <= Date.now() / 1000 + LEEWAY_SECONDS &&
    // A token for several audiences can be carried from one to the other.
    !(Array.isArray(aud) && aud.length > 1) &&
    // RFC 9449, RFC 8705: bound to a key that nobody has checked here.
    cnf === undefined
  )
}

passport.use(
  new Strategy(
    {
      // ExtractJwt.fromAuthHeaderAsBearerToken() overlooks what follows the token.
      jwtFromRequest: bearerOf,
      secretOrKeyProvider: (_request, token, done) => {
        keyOf(token).then(
          (key) => done(null, key),
          (error) => done(error),
        )
      },
      issuer: ISSUER,
      audience: AUDIENCE,
      // Without it jsonwebtoken takes any algorithm that suits the key.
      algorithms: ['ES256'],
      // `complete` hands over the header, too.
      jsonWebTokenOptions: { clockTolerance: LEEWAY_SECONDS, complete: true },
    },
    (token, done) => (isSound(token) ? done(null, token.payload) : done(null, false)),
  ),
)

/** Whether the issuer's keys were not to be had, rather than the token at fault. */
function isOutage(error) {
  // TypeError is what fetch rejects with.
  return error instanceof TypeError || ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT'].includes(error?.code)
}

/** A route that takes a scope. Passport's own 401 carries no challenge, so the answers are written here (RFC 6750 section 3). */
function protect(scope) {
  return (request, response, next) => {
    const answer = (status, challenge) => {
      response.status(status).set(challenge === undefined ? {} : { 'www-authenticate': challenge })
      response.json({ status })
    }
    passport.authenticate('jwt', { session: false }, (error, claims, info) => {
      if (error) return next(error)
      if (isOutage(info)) return answer(503)
      if (!claims) return answer(401, bearerOf(request) ? 'Bearer error="invalid_token"' : 'Bearer')
      if (!String(claims.scope).split(' ').includes(scope)) {
        return answer(403, `Bearer error="insufficient_scope", scope="${scope}"`)
      }
      request.user = claims
      next()
    })(request, response, next)
  }
}

const app = express()
app.get('/orders', protect('orders:read'), (request, response) => {
  response.json({ orders: 3, caller: request.user.client_id })
})

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  process.stdout.write(`orders API on http://127.0.0.1:${server.address().port}, tokens of ${ISSUER} for ${AUDIENCE}\n`)
})
