import { type CountersignError, isCountersignError } from '../errors.ts'
import type { VerifiedToken } from '../verify/index.ts'
import { isTokenText, type PresentedToken, readCredential } from './credential.ts'
import { type ProtectOptions, readRouteOptions } from './options.ts'
import type { PresentedRequest } from './presented-request.ts'
import { describePrincipal, type Principal } from './principal.ts'
import { createRefusals, type Refusal } from './refusal.ts'
import { describeRefusal, type RequestFault } from './report.ts'
import { verifySender } from './sender.ts'

/** Either who sends the request, or the whole answer to it. */
export type Admission =
  | { readonly principal: Principal; readonly refusal?: never }
  | { readonly principal?: never; readonly refusal: Refusal }

/** Decides which requests a route admits. */
export interface Gate {
  /**
   * The decision: at once when everything is at hand, else a promise. Sends nothing and changes nothing but the memory of used
   * proofs.
   * @throws whatever a verifier throws (or rejects with) that is no `CountersignError`, always an Error. It is never an admission.
   */
  admit(request: PresentedRequest): Admission | Promise<Admission>
}

/** The one decision behind every `protect`. @throws CountersignError `configuration_invalid` or `key_set_invalid`. */
export function createGate(options: ProtectOptions): Gate {
  const rules = readRouteOptions(options)
  const { verifier, scopes, sender, onRefusal } = rules
  const refusals = createRefusals({ ...rules, dpopAlgorithms: sender.dpop?.verifier.algorithms })
  // By token object: a verifier that remembers tokens answers with the same one, so a repeated token is read once.
  const admissions = new WeakMap<VerifiedToken, { readonly principal: Principal }>()

  function refuse(refusal: Refusal, fault: RequestFault | CountersignError, token?: string): Admission {
    if (onRefusal !== undefined) notify(() => onRefusal(describeRefusal(refusal, fault, token)))
    return { refusal }
  }

  function refuseMalformed(): Admission {
    return refuse(refusals.malformed, 'request_malformed')
  }

  function refuseError(error: unknown, { scheme, token }: PresentedToken): Admission {
    if (!isCountersignError(error)) throw asError(error)
    if (!isTokenText(token)) return refuseMalformed()
    return refuse(refusals.forError(error, scheme, sender.dpop?.nonces?.current), error, token)
  }

  function admissionOf(verified: VerifiedToken): { readonly principal: Principal } {
    let admission = admissions.get(verified)
    if (admission === undefined) {
      admission = Object.freeze({ principal: describePrincipal(verified) })
      admissions.set(verified, admission)
    }
    return admission
  }

  function decide(verified: VerifiedToken, presented: PresentedToken, request: PresentedRequest): Admission {
    const admission = admissionOf(verified)
    verifySender(admission.principal, presented, request, sender)
    for (const scope of scopes) {
      if (!admission.principal.scopes.includes(scope)) {
        return refuse(refusals.scope[presented.scheme], 'scope_missing', presented.token)
      }
    }
    return admission
  }

  async function admitLater(presented: PresentedToken, request: PresentedRequest): Promise<Admission> {
    try {
      return decide(await verifier.verify(presented.token), presented, request)
    } catch (error) {
      return refuseError(error, presented)
    }
  }

  return {
    admit(request) {
      const presented = readCredential(request, sender.dpop !== undefined)
      if (presented === 'none') return refuse(refusals.none, 'credential_missing')
      if (presented === 'malformed') return refuseMalformed()
      try {
        const verified = verifier.verifySync(presented.token)
        return verified === undefined ? admitLater(presented, request) : decide(verified, presented, request)
      } catch (error) {
        return refuseError(error, presented)
      }
    },
  }
}

// A log that fails must not turn a refusal into something else.
function notify(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error), 'CountersignCallbackWarning')
  }
}

// Frameworks take `next(undefined)`, or `next('route')`, for "go on": what is thrown must not be able to say that.
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('a verifier failed with what is no error', { cause: thrown })
}
