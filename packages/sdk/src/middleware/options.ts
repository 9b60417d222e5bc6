import { createDpopVerifier, type DpopNonces, type DpopVerifierOptions } from '../dpop/index.ts'
import { CountersignError } from '../errors.ts'
import { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions } from '../verify/index.ts'
import { VERIFIER_OPTIONS } from '../verify/options.ts'
import { isScopeToken } from './principal.ts'
import type { RefusalReport } from './report.ts'
import type { SenderRules } from './sender.ts'

/** What a route asks of the requests that it admits. */
export interface RouteOptions {
  /** Scopes that a token must have, all of them. Without any, every accepted token of the audience is admitted. */
  readonly scopes?: readonly string[]
  /** The name of the protected space in challenges; `api` when not given. */
  readonly realm?: string
  /** The URL of the metadata document that challenges name (RFC 9728); see `resourceMetadata`. */
  readonly resourceMetadata?: string
  /**
   * `required` refuses tokens that are bound to no key and no certificate. `as-issued`, when not given, admits them, and
   * still demands the proof for every token that is bound.
   */
  readonly senderConstraint?: 'as-issued' | 'required'
  /** Accepts tokens that are bound to a DPoP key. Without it they are refused. */
  readonly dpop?: DpopRouteOptions
  /**
   * Where the client's certificate is found: on the TLS connection, or with `header: true` only in the `Client-Cert` header
   * (RFC 9440). Set that only behind a proxy that ends TLS, sets this header and removes it from what callers send: anyone
   * else could name a certificate that they do not hold.
   */
  readonly clientCertificate?: { readonly header: boolean }
  /** Is told of each refusal, for a log. What it throws becomes a process warning. */
  readonly onRefusal?: (report: RefusalReport) => void
}

/** How a route accepts DPoP. Proofs are remembered in this process only: another one would take a proof once more. */
export interface DpopRouteOptions extends Omit<DpopVerifierOptions, 'replay'> {
  /** Scheme, host and port under which callers reach this API, `https://orders.acme.example`; never taken from a request. */
  readonly origin: string
  /** Requires proofs to hold a nonce of this server. */
  readonly nonces?: DpopNonces
  /** How many proofs are remembered; see `DpopVerifierOptions`. Here nobody else could remember them. */
  readonly replay?: { readonly maxProofs?: number }
}

/** Options of `protect`: what a route asks, and the verifier of its tokens, or the options to make one (then with `cache`). */
export type ProtectOptions = RouteOptions & (GivenVerifier | TokenVerifierOptions)

/** A verifier that has its options already: others beside it would be ignored, a follower among them. */
type GivenVerifier = { readonly verifier: Pick<TokenVerifier, 'verify' | 'verifySync'> } & {
  readonly [Name in Exclude<keyof TokenVerifierOptions, 'now'>]?: never
}

const ROUTE_OPTIONS = {
  ...{ scopes: true, realm: true, resourceMetadata: true, senderConstraint: true, dpop: true },
  ...{ clientCertificate: true, onRefusal: true },
} satisfies Record<keyof RouteOptions, true>

/** The options after every one has been checked. */
export interface RouteRules {
  readonly verifier: Pick<TokenVerifier, 'verify' | 'verifySync'>
  readonly scopes: readonly string[]
  readonly realm: string
  readonly resourceMetadata: string | undefined
  readonly sender: SenderRules
  readonly onRefusal: ((report: RefusalReport) => void) | undefined
}

// RFC 9110 section 5.5: neither control characters nor what readers decode differently; so no header can be injected.
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

/** Checks the options at once. @throws CountersignError `configuration_invalid`, and those of the verifier's options. */
export function readRouteOptions(options: ProtectOptions): RouteRules {
  refuseIgnored(options)
  const { scopes = [], realm = 'api', resourceMetadata, senderConstraint = 'as-issued', clientCertificate } = options
  if (!Array.isArray(scopes) || !scopes.every(isScopeToken)) throw invalid('"scopes" must be a list of scopes')
  if (typeof realm !== 'string' || !PRINTABLE_ASCII.test(realm)) throw invalid('"realm" must be printable ASCII')
  if (resourceMetadata !== undefined && !isHttpUrl(resourceMetadata)) throw invalid('"resourceMetadata" must be a URL')
  if (senderConstraint !== 'as-issued' && senderConstraint !== 'required') {
    throw invalid('"senderConstraint" must be "as-issued" or "required"')
  }
  return {
    verifier: readVerifier(options),
    scopes: [...scopes],
    realm,
    resourceMetadata,
    sender: {
      required: senderConstraint === 'required',
      dpop: options.dpop && readDpop(options.dpop, 'now' in options ? options.now : undefined),
      certificateFromHeader: clientCertificate?.header === true,
    },
    onRefusal: options.onRefusal,
  }
}

// `scope` for `scopes`, or a follower that belongs to the verifier: what is ignored here is a check that nobody makes.
function refuseIgnored(options: ProtectOptions): void {
  const hasVerifier = 'verifier' in options
  for (const name of Object.keys(options)) {
    const isVerifiers = Object.hasOwn(VERIFIER_OPTIONS, name)
    if (!isVerifiers && name !== 'verifier' && !Object.hasOwn(ROUTE_OPTIONS, name)) {
      throw invalid('there is an option that is not known')
    }
    if (hasVerifier && isVerifiers && name !== 'now') throw invalid(`"${name}" belongs to the verifier, which is given`)
  }
}

function readVerifier(options: ProtectOptions): RouteRules['verifier'] {
  if (!('verifier' in options)) {
    const own = Object.entries(options).filter(([name]) => Object.hasOwn(VERIFIER_OPTIONS, name))
    return createTokenVerifier({ cache: true, ...(Object.fromEntries(own) as unknown as TokenVerifierOptions) })
  }
  const { verifier } = options
  if (typeof verifier?.verify !== 'function' || typeof verifier.verifySync !== 'function') {
    throw invalid('"verifier" must be a token verifier')
  }
  return verifier
}

function readDpop(options: DpopRouteOptions, now: (() => Date) | undefined): SenderRules['dpop'] {
  const { origin, nonces, ...verifierOptions } = options
  if (!isHttpUrl(origin) || new URL(origin).origin !== origin) {
    throw invalid('"dpop.origin" must be an exact origin, such as https://orders.acme.example')
  }
  if (verifierOptions.replay !== undefined && 'claimedByCaller' in verifierOptions.replay) {
    throw invalid('"dpop.replay" cannot be left to a caller')
  }
  return { origin, nonces, verifier: createDpopVerifier({ ...(now !== undefined && { now }), ...verifierOptions }) }
}

function isHttpUrl(text: unknown): text is string {
  return typeof text === 'string' && /^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/.test(text) && URL.canParse(text)
}

function invalid(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
