import { ServiceError } from '../../errors.ts'
import type { AnswerForm } from '../direct.ts'
import { readForm } from './form-body.ts'

const MAX_TOKEN_BYTES = 16 * 1024

/** `POST /oauth/revoke` (RFC 7009): 200 with an empty body whatever the token was; only a malformed form is an error. */
export function createRevokeEndpoint({
  revokeOwnToken,
}: {
  readonly revokeOwnToken: (token: string) => Promise<void>
}): AnswerForm {
  return async (form) => {
    const token = (await readForm(form)).get('token')
    if (token === undefined) throw new ServiceError('invalid_request', { detail: 'token is missing' })
    if (token.length <= MAX_TOKEN_BYTES) await revokeOwnToken(token)
    return { status: 200, headers: { 'cache-control': 'no-store' }, body: '' }
  }
}
