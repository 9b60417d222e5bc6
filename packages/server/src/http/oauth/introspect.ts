import { ERRORS, ServiceError } from '../../errors.ts'
import type { Admission } from '../../federation/index.ts'
import { type Introspect, mayIntrospect, type OwnToken } from '../../tokens/index.ts'
import type { AnswerForm, FormRequest } from '../direct.ts'
import type { PlainAnswer } from '../errors.ts'
import { type PresentedCredential, parseAuthorization } from '../sender.ts'
import type { VerifyCaller } from './caller.ts'
import { readForm } from './form-body.ts'
import type { RemoteAddress } from './remote-address.ts'

/** What the introspection endpoint needs. */
export interface IntrospectEndpointDeps {
  readonly introspect: Introspect
  readonly verifyCaller: VerifyCaller
  readonly admission: Pick<Admission, 'mayAuthenticate' | 'callerRefused'>
  readonly remoteAddress: RemoteAddress
  /** Algorithms of DPoP proofs, for challenges. */
  readonly dpopAlgorithms: readonly string[]
}

/**
 * `POST /oauth/introspect` (RFC 7662). The caller is a workload with a token of ours for the management audience; whatever it asks about
 * beyond its own services gets `{"active":false}` and nothing else (T22).
 */
export function createIntrospectEndpoint(deps: IntrospectEndpointDeps): AnswerForm {
  const { introspect, verifyCaller, admission, remoteAddress } = deps
  const dpopChallenge = `DPoP algs="${deps.dpopAlgorithms.join(' ')}"`

  // RFC 7662 section 2.3 and RFC 6750 section 3.1: also too few scopes are 401 here.
  function challenge(scheme: PresentedCredential['scheme'], error: string): PlainAnswer {
    const dpop = scheme === 'DPoP' ? `, algs="${deps.dpopAlgorithms.join(' ')}"` : ''
    return unauthenticated(`${scheme} error="${error}"${dpop}`, error)
  }

  async function identify(form: FormRequest): Promise<OwnToken | PlainAnswer> {
    const credential = parseAuthorization(form.authorization)
    // RFC 6750 section 3.1: without credentials no error code is given.
    if (credential === undefined) return unauthenticated(`Bearer, ${dpopChallenge}`, undefined)
    const { scheme, token } = credential
    const address = remoteAddress(form)
    // S-13: whoever sends tokens that are refused gets no more signature work for a while.
    if (!admission.mayAuthenticate(address)) throw new ServiceError('overloaded')
    try {
      const caller = token === undefined ? undefined : await verifyCaller({ ...form, scheme, token, method: 'POST' })
      if (caller) return mayIntrospect(caller.scopes) ? caller : challenge(scheme, 'insufficient_scope')
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'invalid_dpop_proof') throw error
      admission.callerRefused(address)
      return challenge(scheme, 'invalid_dpop_proof')
    }
    admission.callerRefused(address)
    return challenge(scheme, 'invalid_token')
  }

  return async (form) => {
    const caller = await identify(form)
    if ('status' in caller) return caller
    const token = (await readForm(form)).get('token')
    if (token === undefined) throw new ServiceError('invalid_request', { detail: 'token is missing' })
    const answer = await introspect(token, caller.scopes)
    return { status: 200, headers: JSON_HEADERS, body: JSON.stringify(answer) }
  }
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' } as const

function unauthenticated(header: string, error: string | undefined): PlainAnswer {
  const { status, title } = ERRORS.unauthenticated
  const body = { ...(error === undefined ? {} : { error }), error_description: title }
  return { status, headers: { ...JSON_HEADERS, 'www-authenticate': header }, body: JSON.stringify(body) }
}
