import type { CountersignError, CountersignErrorCode } from '@countersign/sdk'
import type { ProofRefusal } from './types.ts'

type Mapping = Readonly<Pick<ProofRefusal, 'code' | 'stage' | 'detail'>>

const UNAVAILABLE = 'provider_unavailable'

/** Codes of other parts of the SDK (clients, followers, senders), which no verification of a proof ends with. */
type ForeignCode = Extract<
  CountersignErrorCode,
  | 'token_revoked'
  | 'token_not_revocable'
  | `revocation_${string}`
  | `${'sender_' | 'dpop_' | 'exchange_' | 'client_'}${string}`
  | 'no_proof'
  | 'proof_invalid'
  | 'proof_unavailable'
>

/** What each code of the verifier means for the proof. A table over every code, so that a new one does not compile until it is placed. */
const REFUSALS: Readonly<Record<Exclude<CountersignErrorCode, ForeignCode>, Mapping>> = {
  configuration_invalid: {
    code: UNAVAILABLE,
    stage: 'provider',
    detail: 'the configuration of the provider is not usable',
  },
  token_malformed: { code: 'proof_malformed', stage: 'parse', detail: 'the proof is not a strictly valid token' },
  token_too_large: { code: 'proof_malformed', stage: 'parse', detail: 'the proof is larger or deeper than the limits' },
  token_unsupported: {
    code: 'proof_malformed',
    stage: 'parse',
    detail: 'the proof uses a header that is never accepted',
  },
  token_type_refused: {
    code: 'proof_malformed',
    stage: 'parse',
    detail: '`typ` of the proof is not one of the preset',
  },
  algorithm_refused: {
    code: 'proof_bad_signature',
    stage: 'signature',
    detail: 'the algorithm of the proof is not allowed, or not the one of its key',
  },
  issuer_mismatch: { code: 'proof_unknown_issuer', stage: 'provider', detail: 'the proof is of another issuer' },
  audience_mismatch: {
    code: 'proof_wrong_audience',
    stage: 'audience',
    detail: "the proof is for another audience, or for others beside the provider's",
  },
  subject_invalid: { code: 'proof_claim_invalid', stage: 'parse', detail: 'sub is missing or not a short string' },
  claim_missing: { code: 'proof_claim_invalid', stage: 'parse', detail: 'a registered claim is missing' },
  claim_invalid: { code: 'proof_claim_invalid', stage: 'parse', detail: 'a registered claim has an invalid value' },
  token_expired: { code: 'proof_expired', stage: 'fresh', detail: 'the proof has expired' },
  token_not_yet_valid: { code: 'proof_not_yet_valid', stage: 'fresh', detail: 'nbf or iat lies in the future' },
  token_lifetime_exceeded: {
    code: 'proof_too_old',
    stage: 'fresh',
    detail: 'the proof lives longer than proofs of this preset may',
  },
  key_unknown: {
    code: 'proof_unknown_key',
    stage: 'signature',
    detail: 'the issuer publishes no usable key of this kid',
  },
  key_invalid: { code: UNAVAILABLE, stage: 'signature', detail: 'a key of the issuer is not usable' },
  key_set_invalid: { code: UNAVAILABLE, stage: 'signature', detail: 'the key set of the issuer is refused as a whole' },
  keys_unavailable: { code: UNAVAILABLE, stage: 'signature', detail: 'the keys of the issuer could not be obtained' },
  signature_invalid: { code: 'proof_bad_signature', stage: 'signature', detail: 'the signature does not verify' },
  url_refused: { code: UNAVAILABLE, stage: 'signature', detail: 'a URL of the issuer may not be fetched' },
  address_refused: {
    code: UNAVAILABLE,
    stage: 'signature',
    detail: 'the issuer resolves to an address that may not be connected to; `allowPrivateNetwork` allows it',
  },
  fetch_failed: { code: UNAVAILABLE, stage: 'signature', detail: 'the keys of the issuer could not be fetched' },
  fetch_timeout: { code: UNAVAILABLE, stage: 'signature', detail: 'the issuer did not answer in time' },
  response_refused: {
    code: UNAVAILABLE,
    stage: 'signature',
    detail: 'the answer of the issuer is not acceptable JSON',
  },
  discovery_invalid: {
    code: UNAVAILABLE,
    stage: 'signature',
    detail: 'the discovery document of the issuer is not acceptable',
  },
}

/**
 * The refusal for an error of the verifier. Its reason is added where there is one: the SDK promises fixed words that hold no token
 * text, no claim value and no fetched bytes.
 */
export function refusalOf(error: CountersignError, providerId: string): ProofRefusal {
  const mapping = isOfVerifier(error.code) ? REFUSALS[error.code] : UNFORESEEN
  const colon = error.message.indexOf(': ')
  const reason = colon === -1 ? '' : ` (${error.message.slice(colon + 2)})`
  return { ...mapping, detail: `${mapping.detail}${reason}`, providerId }
}

const UNFORESEEN: Mapping = { code: UNAVAILABLE, stage: 'signature', detail: 'the proof could not be verified' }

function isOfVerifier(code: CountersignErrorCode): code is keyof typeof REFUSALS {
  return Object.hasOwn(REFUSALS, code)
}
