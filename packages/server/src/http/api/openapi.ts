import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../../errors.ts'
import type { Operation } from './operation.ts'
import { problem } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

const COMMON_ERRORS: readonly ErrorCode[] = ['store_unavailable', 'internal_error']
const COMPONENT_PREFIX = '#/components/schemas/'

/**
 * The OpenAPI 3.1 description of operations, made from the route table alone, so that it cannot disagree with what is enforced.
 * Equal on every call; holds nothing of the installation.
 */
export function describeOperations(operations: readonly Operation[]): Json {
  const components: Record<string, unknown> = {}
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const path = paths[operation.path] ?? {}
    paths[operation.path] = path
    path[operation.method.toLowerCase()] = describe(operation, components)
  }
  toSchema(problem, components)
  return {
    openapi: '3.1.1',
    info: {
      title: 'Countersign management API',
      version: '1',
      description:
        'JSON in snake_case; resource documents inside are camelCase as in files. Refusals are RFC 9457 problems with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of this issuer for the management audience, obtained by federation',
        },
      },
    },
  }
}

function describe(operation: Operation, components: Record<string, unknown>): Json {
  const responses: Record<string, unknown> = {}
  for (const [status, reply] of Object.entries(operation.replies)) {
    const mediaType = reply.mediaType ?? 'application/json'
    const schema = reply.schema === undefined ? { type: 'string' } : toSchema(reply.schema, components)
    const hasContent = reply.schema !== undefined || reply.mediaType !== undefined
    responses[status] = {
      description: reply.description,
      ...(hasContent
        ? {
            content: {
              [mediaType]: { schema },
              ...(reply.alsoAs === undefined ? {} : { [reply.alsoAs]: { schema: { type: 'string' } } }),
            },
          }
        : {}),
    }
  }
  for (const [status, codes] of errorsByStatus(operation)) {
    responses[status] = {
      description: codes.map((code) => `${code}: ${ERRORS[code].title}`).join('; '),
      content: { 'application/problem+json': { schema: { $ref: `${COMPONENT_PREFIX}Problem` } } },
    }
  }
  return {
    operationId: operation.id,
    summary: operation.summary,
    tags: [operation.path.split('/')[2]],
    ...(operation.scope === 'public' ? { security: [] } : { security: [{ bearer: [] }] }),
    ...(operation.scope === 'public' || operation.scope === 'self' ? {} : { 'x-scope': scopeName(operation.scope) }),
    ...parametersOf(operation, components),
    ...bodyOf(operation, components),
    responses,
  }
}

function scopeName(scope: Operation['scope']): string {
  return scope === 'verify' ? 'verify:NAME' : scope
}

function errorsByStatus(operation: Operation): Map<string, ErrorCode[]> {
  const codes = new Set<ErrorCode>([...operation.errors, ...COMMON_ERRORS])
  if (operation.query !== undefined || operation.method !== 'GET') codes.add('validation_failed')
  if (operation.scope !== 'public') codes.add('unauthenticated')
  if (operation.scope !== 'public' && operation.scope !== 'self' && operation.masked !== true) codes.add('forbidden')
  if (operation.method !== 'GET') codes.add('cross_site_refused').add('unsupported_media_type').add('payload_too_large')
  const byStatus = new Map<string, ErrorCode[]>()
  for (const code of [...codes].sort()) {
    const status = String(ERRORS[code].status)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return byStatus
}

function parametersOf(operation: Operation, components: Record<string, unknown>): Json {
  const parameters = [
    ...membersOf(operation.params, 'path', components),
    ...membersOf(operation.query, 'query', components),
  ]
  if (operation.errors.includes('precondition_failed'))
    parameters.push(headerParameter('If-Match', 'ETag that was read'))
  if (operation.repeatable === true) {
    parameters.push(headerParameter('Idempotency-Key', 'a repeated request with the same key gets the same answer'))
  }
  return parameters.length === 0 ? {} : { parameters }
}

function membersOf(
  schema: z.ZodType | undefined,
  place: 'path' | 'query',
  components: Record<string, unknown>,
): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = toSchema(schema, components) as {
    properties?: Record<string, Json>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...member }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: member,
  }))
}

function headerParameter(name: string, description: string): Json {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } }
}

function bodyOf(operation: Operation, components: Record<string, unknown>): Json {
  if (operation.body === undefined) return {}
  const schema = toSchema(operation.body, components)
  const mediaTypes = ['application/json', ...(operation.mediaTypes ?? [])]
  return { requestBody: { required: true, content: Object.fromEntries(mediaTypes.map((type) => [type, { schema }])) } }
}

// Schemas with an id become components; OpenAPI 3.1 schemas are JSON Schema 2020-12, so nothing else changes.
function toSchema(schema: z.ZodType, components: Record<string, unknown>): Json {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json & {
    $defs?: Json
  }
  for (const [name, definition] of Object.entries($defs)) components[name] = withoutId(moved(definition))
  const result = moved(own) as Json
  if (typeof own.id === 'string') {
    components[own.id] = withoutId(result)
    return { $ref: `${COMPONENT_PREFIX}${own.id}` }
  }
  return result
}

function withoutId(schema: unknown): unknown {
  const { id: _, ...rest } = schema as Json
  return rest
}

function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === '$ref' && typeof member === 'string' ? member.replace('#/$defs/', COMPONENT_PREFIX) : moved(member),
    ]),
  )
}
