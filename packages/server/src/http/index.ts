/**
 * Everything that speaks HTTP. `app.ts` answers an explicit list of routes (OAuth endpoints from `oauth/`, the management API
 * from `api/`), `errors.ts` renders refusals, `listen.ts` and `socket.ts` serve the app on TCP and on the administration socket.
 * Path of a request: listener, app (id, host, headers, errors), route. Add an endpoint by adding a route to its folder's list.
 */

export type {
  ApiDependencies,
  GeneratedPolicy,
  PolicyTestCase,
  ProofInspection,
  ServerStatus,
} from './api/index.ts'
export { type AppDeps, createApp, type HttpApp } from './app.ts'

export type {
  HttpBindings,
  HttpContext,
  HttpEnv,
  HttpRoute,
  ListenerName,
} from './context.ts'
export {
  type AnswerForm,
  createDirectRoute,
  type DirectRoute,
  type DirectRouteDeps,
  type FormRequest,
} from './direct.ts'
export {
  describeError,
  type ErrorLog,
  type OAuthErrorOptions,
  type PlainAnswer,
  type ProblemContext,
} from './errors.ts'
export { createHealthRoutes, type ReadinessCheck } from './health.ts'

export {
  type ListenAddress,
  type Listener,
  type ListenerLimits,
  type ListenInput,
  listen,
} from './listen.ts'

export { type LocalSocketInput, listenLocally, type SocketPlace } from './socket.ts'
