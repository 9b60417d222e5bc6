/**
 * Tokens that are signed by the right key and wrong in one place each. The SDK refuses every one; what other libraries do with them is
 * measured, and recorded in `facts.ts`.
 */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'

/** An audience, an issuer and its key: what a token is made from. */
export interface TokenMaker {
  readonly issuer: string
  readonly audience: string
  /** The key set with the public half. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** A token that is right, but for the changes; undefined leaves a member out. */
  make(change?: TokenChange): string
}

/** What is different about a token. The two functions get JSON text, for what an object cannot say. */
export interface TokenChange {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly headerText?: (json: string) => string
  readonly claimsText?: (json: string) => string
}

/** A maker with an ES256 key of its own, whose tokens look like those of the real server. */
export function createTokenMaker(issuer: string, audience: string): TokenMaker {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = randomUUID()
  return {
    issuer,
    audience,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] },
    make({ header = {}, claims = {}, headerText, claimsText }: TokenChange = {}) {
      const now = Math.floor(Date.now() / 1000)
      const payload = {
        iss: issuer,
        aud: audience,
        sub: 'countersign://sts.acme.example/workload/tp_1/1',
        client_id: 'wl_1',
        scope: 'orders:read',
        jti: randomUUID(),
        cs: { pol: 'pol_1', tp: ['tp_1'], svc: 'svc_1', rev: 1, evt: 'evt_1' },
        iat: now,
        exp: now + 300,
        ...claims,
      }
      const segment = (text: string) => Buffer.from(text).toString('base64url')
      const keep = (json: string) => json
      const headerJson = (headerText ?? keep)(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid, ...header }))
      const claimsJson = (claimsText ?? keep)(JSON.stringify(payload))
      const input = `${segment(headerJson)}.${segment(claimsJson)}`
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${signature.toString('base64url')}`
    },
  }
}

/** One fault. `label` is the row of the table in docs/how-to/verify-with-other-libraries.md. */
export interface OddToken {
  readonly label: string
  readonly make: (maker: TokenMaker) => string
}

const HOUR = 3_600
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
/** The last character of a signature of 64 bytes carries two bits; the other four are to be zero (RFC 4648 section 3.5). */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Every fault by its name. */
export const ODD_TOKENS = {
  noExp: { label: 'no `exp`', make: ({ make }) => make({ claims: { exp: undefined } }) },
  endlessExp: {
    label: '`exp` is `1e999`',
    make: ({ make }) => make({ claims: { exp: 'HERE' }, claimsText: (json) => json.replace('"HERE"', '1e999') }),
  },
  textExp: { label: '`exp` is a text of digits', make: ({ make }) => make({ claims: { exp: `${inSeconds(300)}` } }) },
  farExp: { label: 'lives for ten years', make: ({ make }) => make({ claims: { exp: inSeconds(87_600 * HOUR) } }) },
  expired45: {
    label: 'expired 45 seconds ago',
    make: ({ make }) => make({ claims: { iat: inSeconds(-345), exp: inSeconds(-45) } }),
  },
  futureIat: {
    label: 'issued an hour from now',
    make: ({ make }) => make({ claims: { iat: inSeconds(HOUR), exp: inSeconds(HOUR + 300) } }),
  },
  idToken: { label: '`typ` is `JWT`: an ID token', make: ({ make }) => make({ header: { typ: 'JWT' } }) },
  noTyp: { label: 'no `typ`', make: ({ make }) => make({ header: { typ: undefined } }) },
  twoAudiences: {
    label: 'for two audiences',
    make: ({ make, audience }) => make({ claims: { aud: [audience, 'https://other.acme.example'] } }),
  },
  noSub: { label: 'no `sub`', make: ({ make }) => make({ claims: { sub: undefined } }) },
  issuerSlash: {
    label: '`iss` with a slash added',
    make: ({ make, issuer }) => make({ claims: { iss: `${issuer}/` } }),
  },
  dpopBound: {
    label: 'bound to a DPoP key, without its proof',
    make: ({ make }) => make({ claims: { cnf: { jkt: 'A'.repeat(43) } } }),
  },
  certificateBound: {
    label: 'bound to a certificate, without it',
    make: ({ make }) => make({ claims: { cnf: { 'x5t#S256': 'A'.repeat(43) } } }),
  },
  duplicateClaim: {
    label: 'two `aud`, ours last',
    make: ({ make }) => make({ claimsText: (json) => json.replace('{', '{"aud":"https://other.acme.example",') }),
  },
  duplicateHeader: {
    label: 'two `typ`, ours last',
    make: ({ make }) => make({ headerText: (json) => json.replace('{', '{"typ":"JWT",') }),
  },
  unknownCrit: {
    label: '`crit` names an unknown extension',
    make: ({ make }) => make({ header: { crit: ['acme'], acme: 1 } }),
  },
  keyInHeader: {
    label: 'a `jku` and a `jwk` in the header',
    make: ({ make, issuer, jwks }) => make({ header: { jku: `${issuer}/other`, jwk: { ...jwks.keys[0], kid: 'x' } } }),
  },
  byteOrderMark: { label: 'a byte order mark', make: ({ make }) => make({ claimsText: (json) => `\uFEFF${json}` }) },
  loneSurrogate: {
    label: 'half a surrogate pair in `sub`',
    make: ({ make }) => make({ claims: { sub: 'HERE' }, claimsText: (json) => json.replace('HERE', 'a\\ud800') }),
  },
  nested: {
    label: 'nested 1,000 deep',
    make: ({ make }) =>
      make({
        claims: { deep: 'HERE' },
        claimsText: (json) => json.replace('"HERE"', `${'['.repeat(1000)}${']'.repeat(1000)}`),
      }),
  },
  large: { label: '25 KB', make: ({ make }) => make({ claims: { fill: 'a'.repeat(18_000) } }) },
  respelled: {
    label: 'the same token spelled differently',
    make: ({ make }) => {
      const token = make()
      const last = ALPHABET.indexOf(token.at(-1) ?? '')
      return `${token.slice(0, -1)}${ALPHABET[last + 1]}`
    },
  },
} as const satisfies Readonly<Record<string, OddToken>>

/** The name of a fault. */
export type OddTokenName = keyof typeof ODD_TOKENS

/** Every name, in the order of the table. */
export const ODD_TOKEN_NAMES = Object.keys(ODD_TOKENS) as readonly OddTokenName[]
