import { ServiceError } from '../../errors.ts'
import { type Form, parseForm } from '../../federation/index.ts'
import { hasMediaType, readBody } from '../body.ts'
import type { HttpContext } from '../context.ts'

/**
 * Reads a form body within 64 KiB and parses it.
 * @throws ServiceError unsupported_media_type, payload_too_large, invalid_request
 */
export async function readForm(c: HttpContext): Promise<Form> {
  if (!hasMediaType(c.req.header('content-type'), ['application/x-www-form-urlencoded'])) {
    throw new ServiceError('unsupported_media_type')
  }
  // latin1 keeps every byte: a body outside ASCII is then refused by the parser instead of being repaired.
  return parseForm(Buffer.from(await readBody(c)).toString('latin1'))
}
