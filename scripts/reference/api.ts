import { MANAGEMENT_SCOPES, ROLES } from '../../packages/server/src/admin/index.ts'
import { openApiDocument } from '../../packages/server/src/http/api/index.ts'
import { code, generatedPage, table } from './markdown.ts'

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security: readonly unknown[]
  readonly 'x-scope'?: string
}

/** docs/reference/openapi.json, byte for byte what `/v1/openapi.json` describes. */
export function renderOpenApi(): string {
  return `${JSON.stringify(openApiDocument(), null, 1)}\n`
}

/** docs/reference/api.md: the operations of the management API and who may call them. */
export function renderApi(): string {
  const { paths } = openApiDocument() as unknown as Described
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
  )
  const roles = Object.entries(ROLES)
  const lines = [
    ...generatedPage('Management API', 'packages/server/src/http/api and packages/server/src/admin/scopes.ts'),
    'The same operations in full, with every parameter, body and answer: [openapi.json](openapi.json) (OpenAPI 3.1), which a server',
    'serves at `/v1/openapi.json`.',
    '',
    'JSON in snake_case; resource documents inside `document` are camelCase as in files. Callers send a token that Countersign itself issued',
    'for the audience of the management API (`ISSUER/v1` unless configured), as `Authorization: Bearer`. On the local socket no token is needed. Refusals are RFC 9457 problems with a',
    'stable [code](errors.md). A resource that the caller may not see is answered like one that does not exist.',
    '',
    '- **Lists** are `{ "items": [...], "next": "CURSOR" }`; pass `next` back as `after`.',
    "- **ETag** is the resource's revision; `If-Match` makes a change conditional on it.",
    '- **Idempotency-Key** gives the same answer to a repeated request for 24 hours.',
    '',
    '## Operations',
    '',
    ...table(
      ['operation', 'scope', 'what it does'],
      operations.map((operation) => [
        code(`${operation.method} ${operation.path}`),
        operation['x-scope'] ? code(operation['x-scope']) : operation.security.length === 0 ? 'none' : 'any',
        operation.summary,
      ]),
    ),
    '',
    '## Scopes and roles',
    '',
    'A policy for the service `countersign-management` grants scopes, or roles as `role:NAME`. A role is replaced by its scopes when the',
    'policy is saved, so a later version of this table gives nobody more than what somebody approved.',
    '',
    ...table(
      ['scope', 'allows to', ...roles.map(([name]) => name)],
      Object.entries(MANAGEMENT_SCOPES).map(([scope, meaning]) => [
        code(scope),
        meaning,
        ...roles.map(([, scopes]) => ((scopes as readonly string[]).includes(scope) ? 'x' : '')),
      ]),
    ),
  ]
  return `${lines.join('\n')}\n`
}
