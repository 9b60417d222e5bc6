/**
 * Everything that speaks HTTP. `app.ts` answers an explicit list of routes (OAuth endpoints from `oauth/`, the management API
 * from `api/`), `errors.ts` renders refusals, `listen.ts` and `socket.ts` serve the app on TCP and on the administration socket.
 * Path of a request: listener, app (id, host, headers, errors), route. Add an endpoint by adding a route to its folder's list.
 */

export {
  API_OPERATIONS,
  type ApiDependencies,
  createApiRoutes,
  type GeneratedPolicy,
  openApiDocument,
  type PolicyTestCase,
  type ProofInspection,
  type ServerStatus,
} from './api/index.ts'
export { type AppDeps, createApp, type HttpApp } from './app.ts'
export { hasMediaType, MAX_BODY_BYTES, readBody } from './body.ts'
export {
  type HttpBindings,
  type HttpContext,
  type HttpEnv,
  type HttpRoute,
  type ListenerName,
  listenerOf,
  remoteAddressOf,
} from './context.ts'
export {
  type AnswerForm,
  createDirectRoute,
  type DirectRoute,
  type DirectRouteDeps,
  type FormRequest,
} from './direct.ts'
export {
  type ErrorLog,
  logFailure,
  type OAuthErrorOptions,
  oauthError,
  oauthErrorAnswer,
  type PlainAnswer,
  type ProblemContext,
  problemResponse,
  toServiceError,
} from './errors.ts'
export { createHealthRoutes, type ReadinessCheck } from './health.ts'
export { MAX_JSON_DEPTH, parseStrictJson } from './json.ts'
export {
  DEFAULT_LIMITS,
  type ListenAddress,
  type Listener,
  type ListenerLimits,
  type ListenInput,
  listen,
} from './listen.ts'
export { requestIdOf } from './request-id.ts'
export { type LocalSocketInput, listenLocally, SOCKET_POINTER, type SocketPlace, socketPlaceOf } from './socket.ts'
