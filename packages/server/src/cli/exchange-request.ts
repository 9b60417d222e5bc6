import type { ApiClient } from './client.ts'
import { decodeToken } from './decode-token.ts'
import { EXITS } from './exits.ts'
import { cliFault } from './faults.ts'
import { readProblem } from './problem.ts'
import { list, member, number, text } from './wire.ts'

const TYPE = 'urn:ietf:params:oauth:token-type:'

/** An issued token and what may be printed of it. */
export interface ExchangedToken {
  readonly rawToken: string
  readonly facts: {
    readonly event_id: string | null
    readonly policy_id: string | null
    readonly workload_id: string | null
    readonly jti: string | null
    readonly kid: string | null
    readonly audience: string | null
    readonly scope: string | null
    readonly token_type: string | null
    readonly expires_in: number | null
    readonly expires_at: string | null
  }
}

/**
 * One RFC 8693 exchange; never repeated, since a proof may be good for one.
 * @throws CliFault exchange_denied with the id that `explain` takes, and the faults of the client
 */
export async function requestToken(
  client: ApiClient,
  input: {
    readonly rawProof: string
    readonly audience: string | undefined
    readonly resource: string | undefined
    readonly scopes: readonly string[]
    readonly ttlSeconds: number | undefined
  },
): Promise<ExchangedToken> {
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: input.rawProof,
    subject_token_type: `${TYPE}jwt`,
    requested_token_type: `${TYPE}access_token`,
  })
  if (input.audience !== undefined) form.set('audience', input.audience)
  if (input.resource !== undefined) form.set('resource', input.resource)
  if (input.scopes.length > 0) form.set('scope', input.scopes.join(' '))
  if (input.ttlSeconds !== undefined) form.set('expires_in', String(input.ttlSeconds))
  const answer = await client.any({ method: 'POST', path: '/oauth/token', form, repeatable: false, anonymous: true })
  const { status, body } = answer
  const code = text(member(body, 'error'))
  if (status === 400 && code !== undefined) throw denied(code, text(member(body, 'error_id')))
  if (status !== 200) throw refused(answer)
  const rawToken = text(member(body, 'access_token'))
  if (rawToken === undefined || !/^[\x21-\x7e]+$/.test(rawToken)) {
    throw cliFault('unexpected_answer', 'the answer to the exchange holds no access token')
  }
  return { rawToken, facts: factsOf(rawToken, body) }
}

// RFC 6749 section 5.2: the caller is told the class of the refusal only; the id leads an administrator to the reason.
function denied(code: string, id: string | undefined) {
  const known = /^[a-z_]{1,60}$/.test(code) ? code : 'unknown error'
  return cliFault('exchange_denied', known, {
    id,
    ...(id === undefined
      ? {}
      : { fix: `an administrator sees why with \`countersign explain ${/^[a-z0-9_]{1,80}$/i.test(id) ? id : 'ID'}\`` }),
  })
}

function refused(answer: Parameters<typeof readProblem>[0]) {
  const code = text(member(answer.body as never, 'error'))
  const id = text(member(answer.body as never, 'error_id'))
  if (answer.status === 429) {
    return cliFault('unreachable', 'the server refuses this proof for now (429)', { fix: 'wait a minute', id })
  }
  if (code !== undefined && answer.status >= 500) {
    return cliFault('unreachable', `the server cannot exchange now (${answer.status})`, { fix: 'retry', id })
  }
  const fault = readProblem(answer)
  return fault.exit === EXITS.no
    ? cliFault('unexpected_answer', `status ${answer.status} from the token endpoint`)
    : fault
}

function factsOf(rawToken: string, body: Parameters<typeof member>[0]): ExchangedToken['facts'] {
  const decoded = decodeToken(rawToken, new Date(0))
  const claims = 'malformed' in decoded ? undefined : decoded.unverifiedClaims
  const header = 'malformed' in decoded ? undefined : decoded.unverifiedHeader
  const expires = number(claims?.['exp'])
  const audience = claims?.['aud']
  return {
    event_id: text(member(body, 'event_id')) ?? null,
    policy_id: text(member(claims?.['cs'], 'pol')) ?? null,
    workload_id: text(claims?.['client_id']) ?? null,
    jti: text(claims?.['jti']) ?? null,
    kid: text(header?.['kid']) ?? null,
    audience: text(audience) ?? text(list(audience)[0]) ?? null,
    scope: text(member(body, 'scope')) ?? text(claims?.['scope']) ?? null,
    token_type: text(member(body, 'token_type')) ?? null,
    expires_in: number(member(body, 'expires_in')) ?? null,
    expires_at: expires === undefined || Math.abs(expires) > 8.64e12 ? null : new Date(expires * 1000).toISOString(),
  }
}
