/**
 * The management API: one folder per resource, one file per operation, all listed in `routes.ts` with the scope that each takes.
 * `serve.ts` takes every request the same way (cross-site, caller, scope, input, work); `openapi.ts` describes the same table.
 * Add an operation: one file with `defineOperation`, one line in its folder's list, its scope in `admin/scopes.ts`.
 */
import type { HttpRoute } from '../context.ts'
import type { ApiDependencies } from './dependencies.ts'
import { describeOperations } from './openapi.ts'
import { API_OPERATIONS } from './routes.ts'
import { serveOperations } from './serve.ts'

/** The routes of the management API over its dependencies. */
export function createApiRoutes(deps: ApiDependencies): readonly HttpRoute[] {
  return serveOperations(API_OPERATIONS, deps)
}

/** The OpenAPI 3.1 document of the management API, as `/v1/openapi.json` serves it and the documentation prints it. */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  return describeOperations(API_OPERATIONS)
}

export type * from './dependencies.ts'
export { RESOURCE_NOUNS, type ResourceNoun } from './documents/index.ts'
export type { DocumentedReply, Operation } from './operation.ts'
export { API_OPERATIONS } from './routes.ts'
