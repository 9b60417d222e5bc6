import type { z } from 'zod'
import { ServiceError } from '../../errors.ts'
import { hasMediaType, readBody } from '../body.ts'
import type { HttpContext } from '../context.ts'
import { parseStrictJson } from '../json.ts'
import { parseIfMatch } from './etag.ts'
import type { Operation } from './operation.ts'

/** The parsed parts of a request, before the actor is known to them. */
export interface ParsedInput {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
  readonly ifMatch: readonly string[] | undefined
  /** The body's bytes as they came, for the Idempotency-Key. */
  readonly bytes: Uint8Array
}

/**
 * Parses a request for an operation, once: path, query, If-Match, media type, body. Unknown members and parameters are refused.
 * @throws ServiceError not_found (a path that no id can have), validation_failed, unsupported_media_type, payload_too_large
 */
export async function parseInput(c: HttpContext, operation: Operation): Promise<ParsedInput> {
  const params = operation.params?.safeParse(c.req.param())
  if (params?.success === false) throw new ServiceError('not_found')
  const query = parseQuery(c, operation)
  const ifMatch = parseIfMatch(c.req.header('if-match'))
  const bytes = await readJsonBytes(c, operation)
  const body = operation.body === undefined ? undefined : parseWith(operation.body, parseStrictJson(bytes))
  return { params: params?.data, query, body, ifMatch, bytes }
}

function parseQuery(c: HttpContext, operation: Operation): unknown {
  const values = c.req.queries()
  const single: Record<string, string> = Object.create(null)
  for (const [name, given] of Object.entries(values)) {
    const [value = '', ...more] = given
    if (more.length > 0) throw fault(`/${name}`, 'duplicate', 'the parameter is given twice')
    if (value.includes('\0') || !value.isWellFormed())
      throw fault(`/${name}`, 'text', 'the parameter holds U+0000 or no text')
    single[name] = value
  }
  if (operation.query !== undefined) return parseWith(operation.query, { ...single })
  const [unknown] = Object.keys(single)
  if (unknown !== undefined) throw fault(`/${unknown}`, 'unrecognized', 'there is no such parameter')
  return undefined
}

// W-04: unsafe methods say application/json, which no HTML form and no cross-site request without preflight can. DELETE needs it
// only with a body: the method itself already forces the preflight (Fetch standard, CORS-safelisted method).
async function readJsonBytes(c: HttpContext, operation: Operation): Promise<Uint8Array> {
  if (operation.method === 'GET') return new Uint8Array(0)
  const contentType = c.req.header('content-type')
  const hasBody = c.req.header('transfer-encoding') !== undefined || Number(c.req.header('content-length') ?? 0) > 0
  if (operation.method === 'DELETE' && contentType === undefined && !hasBody) return new Uint8Array(0)
  if (!hasMediaType(contentType, ['application/json', ...(operation.mediaTypes ?? [])])) {
    throw new ServiceError('unsupported_media_type', { detail: 'send application/json' })
  }
  const bytes = await readBody(c, operation.maxBodyBytes)
  if (
    operation.body === undefined &&
    bytes.byteLength > 0 &&
    !/^\s*(\{\s*\})?\s*$/.test(Buffer.from(bytes).toString())
  ) {
    throw fault('', 'unrecognized', 'this operation takes no body')
  }
  return bytes
}

/** Parses a value with a schema. @throws ServiceError validation_failed with one entry per fault; no input value is quoted */
export function parseWith(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.slice(0, 50).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys
        .slice(0, 10)
        .map((key) => describe([...issue.path, key], 'unrecognized', 'there is no such member'))
    }
    return [describe(issue.path, issue.code, issue.message)]
  })
  throw new ServiceError('validation_failed', { problems })
}

function describe(path: readonly PropertyKey[], code: string, detail: string): ServiceError['problems'][number] {
  // RFC 6901 section 3
  const pointer = path
    .map((part) => `/${String(part).slice(0, 80).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
  return { pointer, code, detail }
}

function fault(pointer: string, code: string, detail: string): ServiceError {
  return new ServiceError('validation_failed', { problems: [{ pointer: pointer.slice(0, 80), code, detail }] })
}
