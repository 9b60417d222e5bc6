import { ServiceError } from '../../errors.ts'
import { type Form, parseForm } from '../../federation/index.ts'
import { hasMediaType } from '../body.ts'
import type { FormRequest } from '../direct.ts'

/**
 * Reads a form body within its limit and parses it.
 * @throws ServiceError unsupported_media_type, payload_too_large, invalid_request
 */
export async function readForm(request: FormRequest): Promise<Form> {
  if (!hasMediaType(request.contentType, ['application/x-www-form-urlencoded'])) {
    throw new ServiceError('unsupported_media_type')
  }
  // latin1 keeps every byte: a body outside ASCII is then refused by the parser instead of being repaired.
  return parseForm(Buffer.from(await request.readBody()).toString('latin1'))
}
