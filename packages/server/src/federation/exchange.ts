import { hash } from 'node:crypto'
import type { Attestors, TrustProvider } from '../attestors/index.ts'
import { type ErrorCode, ServiceError } from '../errors.ts'
import type { Service } from '../inventory/index.ts'
import { newId } from '../lib/index.ts'
import type { Decision, PolicySnapshot } from '../policy/index.ts'
import type { KeyRing, Signer, SigningAlgorithm } from '../signing-keys/index.ts'
import { signAccessToken, tokenTypeOf } from '../tokens/index.ts'
import type { Admission } from './admission.ts'
import { type AttestProofOutcome, type AttestRefusal, attestProof } from './attest.ts'
import { allowedEvent, type DecisionContext, deniedEvent } from './events.ts'
import { type Ledger, saltClaims } from './ledger.ts'
import type { EarlyRefusals } from './refusals.ts'
import type { ExchangeRequest } from './request.ts'
import type { SenderCheck, SenderEvidence, VerifiedSender } from './sender.ts'

/** Above this age of its last look at the revision log, an instance does not know what has been revoked, and refuses. */
const MAX_HEAD_AGE_MS = 5_000

/** How often a proof is attested again because the policies changed meanwhile; after that the change is milliseconds old. */
const MAX_SNAPSHOTS = 3

/** The caller of an exchange, as the transport knows it. */
export interface ExchangeCaller extends SenderEvidence {
  readonly remoteAddress: string | undefined
}

/** What the caller gets. A refusal carries a stable code and the id by which an administrator can explain it. */
export type ExchangeResult =
  | {
      readonly ok: true
      readonly accessToken: string
      readonly issuedTokenType: string
      readonly tokenType: 'Bearer' | 'DPoP'
      readonly expiresInSeconds: number
      readonly scopes: readonly string[]
      readonly eventId: string
    }
  | { readonly ok: false; readonly code: ErrorCode; readonly errorId: string; readonly retryAfterSeconds?: number }

/** What the exchange is made of. */
export interface ExchangeDeps {
  readonly issuer: string
  readonly snapshot: () => PolicySnapshot
  /** How long ago this instance last read the head of the revision log. */
  readonly headAgeMs: () => number
  readonly attestors: Attestors
  readonly ledger: Ledger
  readonly refusals: EarlyRefusals
  readonly admission: Admission
  readonly checkSender: SenderCheck
  readonly keyRing: KeyRing
  readonly defaultAlgorithm: SigningAlgorithm
  readonly maxPending: number
  /** Whether providers with emulated issuers (plain http on loopback) may be used: only while this server listens on loopback. */
  readonly loopbackProvidersAllowed: boolean
  /** Told of every workload that gets a token, with the environment of its policy. Returns at once. */
  readonly onSeen: (workload: { id: string; subject: string; providerId: string; environment: string }) => void
  readonly now: () => Date
}

/** Exchanges a proof for an access token (RFC 8693). Every call ends in a token with its committed event, or in a refusal with an id. */
export type Exchange = (request: ExchangeRequest, caller: ExchangeCaller) => Promise<ExchangeResult>

/** The exchange: attest, decide, commit, sign. One direction, each step refusing on its own (design section 5). */
export function createExchange(deps: ExchangeDeps): Exchange {
  const { attestors, ledger, refusals, admission, now } = deps

  const refuse = (
    code: ErrorCode,
    stage: string,
    detail: string,
    more: { providerId?: string | undefined; retryAfterSeconds?: number } = {},
  ): ExchangeResult => {
    const errorId = refusals.record({ code, stage, detail, providerId: more.providerId })
    return {
      ok: false,
      code,
      errorId,
      ...(more.retryAfterSeconds ? { retryAfterSeconds: more.retryAfterSeconds } : {}),
    }
  }

  return async (request, caller) => {
    const startedAt = performance.now()
    const proof = request.rawSubjectToken
    // Without the signature: whoever alters it does not get a fresh count.
    const digest = () => hash('sha256', proof.slice(0, proof.lastIndexOf('.')), 'base64url')

    // Cheap refusals first (S-13): nothing below costs a signature or a socket until they have passed.
    if (deps.headAgeMs() > MAX_HEAD_AGE_MS) {
      return refuse('store_unavailable', 'provider', 'the revision log could not be read for 5 s', {
        retryAfterSeconds: 2,
      })
    }
    if (ledger.pending() >= deps.maxPending) {
      return refuse('overloaded', 'provider', 'too many exchanges wait for their commit', { retryAfterSeconds: 1 })
    }
    if (caller.remoteAddress !== undefined && !admission.take('address', caller.remoteAddress)) {
      return refuse('overloaded', 'provider', 'rate limit of the address', { retryAfterSeconds: 1 })
    }
    if (admission.isBlocked(digest)) {
      return refuse('too_many_denials', 'provider', 'more than 10 denials of this proof in a minute', {
        retryAfterSeconds: 60,
      })
    }

    let snapshot = deps.snapshot()
    let attested = await attest(proof, snapshot, caller)
    // Keys that had to be fetched took seconds: what was disabled meanwhile admits nobody any more. The keys are at hand now.
    for (let again = 0; again < MAX_SNAPSHOTS && deps.snapshot() !== snapshot; again += 1) {
      snapshot = deps.snapshot()
      attested = await attest(proof, snapshot, caller)
    }
    if (!attested.ok) {
      admission.refused(
        attested.refusedBy.map(({ id }) => id),
        caller.remoteAddress,
      )
      const { code, stage, detail, providerId } = attested.refusal
      const retryAfterSeconds = code === 'provider_unavailable' || code === 'overloaded' ? 5 : undefined
      return refuse(code, stage, detail, { providerId, ...(retryAfterSeconds ? { retryAfterSeconds } : {}) })
    }
    const { attestation, ambiguous } = attested
    if (!admission.take('workload', attestation.workloadId)) {
      return refuse('overloaded', 'require', 'rate limit of the workload', {
        providerId: attestation.provider.id,
        retryAfterSeconds: 1,
      })
    }

    const at = now()
    const service = findService(snapshot, request.targets)
    const context: DecisionContext = {
      eventId: newId('evt', at),
      at,
      attestation,
      request,
      serviceId: service?.id,
      revision: snapshot.revision,
      claims: saltClaims(proof),
      remoteAddress: caller.remoteAddress,
      get tookMicroseconds() {
        return Math.round((performance.now() - startedAt) * 1000)
      },
    }

    const deny = async (denial: Parameters<typeof deniedEvent>[1]): Promise<ExchangeResult> => {
      admission.denied(digest())
      await ledger.deny(deniedEvent(context, denial), context.claims)
      const { code } = denial
      const retryAfterSeconds = code === 'overloaded' || code === 'signing_key_unavailable' ? 2 : undefined
      return { ok: false, code, errorId: context.eventId, ...(retryAfterSeconds ? { retryAfterSeconds } : {}) }
    }

    if (ambiguous) return deny({ code: 'ambiguous_provider' })
    const sender = deps.checkSender(caller, request, attestation)
    if (!sender.ok) return deny(sender.refusal)
    const decision = snapshot.policies.decide({
      attestation,
      request: {
        service,
        scopes: request.scopes,
        ttlSeconds: request.ttlSeconds,
        remoteAddress: caller.remoteAddress,
        senderConstraint: sender.constraint,
      },
      now: at,
    })
    if (!decision.allowed) {
      const wantsProof = decision.code === 'sender_constraint_required'
      return deny(
        wantsProof ? { ...decision, detail: `the caller proves ${sender.constraint ?? 'nothing'}` } : decision,
      )
    }
    return issue(context, decision, sender, deny)
  }

  function attest(proof: string, snapshot: PolicySnapshot, caller: ExchangeCaller): Promise<AttestProofOutcome> {
    const { loopbackProvidersAllowed } = deps
    const admit = (provider: TrustProvider) => admitTo(provider, caller)
    return attestProof(proof, snapshot.providers, { attestors, loopbackProvidersAllowed, admit })
  }

  function admitTo({ id }: TrustProvider, { remoteAddress }: ExchangeCaller): AttestRefusal | undefined {
    const refusal = (detail: string) => ({ code: 'overloaded', stage: 'provider', detail, providerId: id }) as const
    // First, so that what it refuses takes nothing of the provider's rate from those who have proofs.
    if (!admission.mayTry(id, remoteAddress)) {
      return refusal('the provider is sent many proofs that it refuses, some of them from this address')
    }
    return admission.take('provider', id) ? undefined : refusal('rate limit of the provider')
  }

  async function issue(
    context: DecisionContext,
    decision: Decision & { allowed: true },
    sender: VerifiedSender,
    deny: (denial: Parameters<typeof deniedEvent>[1]) => Promise<ExchangeResult>,
  ): Promise<ExchangeResult> {
    const { attestation, at, request } = context
    const { policy, grant } = decision
    const signer = activeSigner(deps.keyRing, grant.service.signingAlgorithm ?? deps.defaultAlgorithm)
    if (!signer) return deny({ code: 'signing_key_unavailable', nearestPolicyId: policy.id })
    const isBound = sender.mustBind || policy.limits.senderConstraint !== undefined
    const confirmation = isBound ? sender.confirmation : undefined
    const issuedAt = new Date(Math.floor(at.getTime() / 1000) * 1000)
    const issued = {
      jti: newId('jti', at),
      kid: signer.kid,
      scopes: grant.scopes,
      expiresAt: new Date(issuedAt.getTime() + grant.ttlSeconds * 1000),
      confirmation,
    }
    const result = await ledger.issue(
      {
        attestation,
        uses: grant.uses,
        claims: context.claims,
        event: allowedEvent(context, decision, issued),
        issuance: {
          jti: issued.jti,
          event_id: context.eventId,
          kid: signer.kid,
          workload_id: attestation.workloadId,
          subject: attestation.workloadUri,
          provider_id: attestation.provider.id,
          policy_id: policy.id,
          service_id: grant.service.id,
          scope: grant.scopes.join(' '),
          revision: context.revision,
          issued_at: issuedAt.getTime(),
          expires_at: issued.expiresAt.getTime(),
        },
      },
      () =>
        signAccessToken(signer, {
          issuer: deps.issuer,
          audience: grant.service.audience,
          subject: attestation.workloadUri,
          workloadId: attestation.workloadId,
          jti: issued.jti,
          scopes: grant.scopes,
          issuedAt,
          expiresAt: issued.expiresAt,
          policyId: policy.id,
          providerIds: [attestation.provider.id],
          serviceId: grant.service.id,
          revision: context.revision,
          eventId: context.eventId,
          confirmation,
        }),
    )
    if (result.outcome === 'replayed') return deny({ code: 'replayed' })
    if (result.outcome === 'unsigned') {
      return { ok: false, code: 'store_unavailable', errorId: context.eventId, retryAfterSeconds: 2 }
    }
    deps.onSeen({
      id: attestation.workloadId,
      subject: attestation.workloadUri,
      providerId: attestation.provider.id,
      environment: policy.environment,
    })
    return {
      ok: true,
      accessToken: result.value,
      issuedTokenType: request.issuedTokenType,
      tokenType: tokenTypeOf(confirmation),
      expiresInSeconds: grant.ttlSeconds,
      scopes: grant.scopes,
      eventId: context.eventId,
    }
  }
}

/** The signer; undefined when there is none: its key is being made, or has just been revoked. */
function activeSigner(keyRing: KeyRing, alg: SigningAlgorithm): Signer | undefined {
  try {
    return keyRing.active(alg)
  } catch (error) {
    if (error instanceof ServiceError) return undefined
    throw error
  }
}

/** RFC 8693 section 2.1: several targets mean one token for all; ours has one audience, so they must name one service. */
function findService(snapshot: PolicySnapshot, targets: readonly string[]): Service | undefined {
  const services = targets.map((target) => snapshot.services.byAudience.get(target))
  const [first] = services
  return first && services.every((service) => service === first) ? first : undefined
}
