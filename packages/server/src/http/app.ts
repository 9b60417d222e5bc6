import { Hono } from 'hono'
import { ERRORS, ServiceError } from '../errors.ts'
import type { Now } from '../lib/index.ts'
import { type HttpContext, type HttpEnv, type HttpRoute, type ListenerName, listenerOf } from './context.ts'
import { type ErrorLog, logFailure, oauthError, problemResponse, toServiceError } from './errors.ts'
import { requestIdOf } from './request-id.ts'

/** What the app is made of. */
export interface AppDeps {
  readonly now: Now
  readonly log: ErrorLog
  /** The issuer URL: base of problem types; with https, answers over TCP carry HSTS. */
  readonly issuer: string
  /** Names (with port where it is not the default) that a Host header over TCP may carry; undefined: any (W-12). */
  readonly allowedHosts?: readonly string[]
  /** Every route of the server, in one list. */
  readonly routes: readonly HttpRoute[]
}

/** The HTTP app of the server. */
export type HttpApp = Hono<HttpEnv>

/**
 * The app over an explicit list of routes. Every answer carries the request's id and the security headers, everything thrown is
 * rendered in one place (OAuth paths as RFC 6749, all others as RFC 9457), and no answer ever holds a stack trace or a foreign message (W-11).
 * A path that exists answers other methods with 405 and `Allow`; no CORS header is ever sent (W-12).
 */
export function createApp(deps: AppDeps): HttpApp {
  const app = new Hono<HttpEnv>()
  const allowedHosts = deps.allowedHosts && new Set(deps.allowedHosts.map((host) => host.toLowerCase()))
  const templates = deps.routes.map((route) => ({ method: route.method, pattern: patternOf(route.path) }))

  const answer = async (
    c: HttpContext,
    { respond, anyHost }: Pick<HttpRoute, 'respond' | 'anyHost'>,
  ): Promise<Response> => {
    const requestId = requestIdOf(c.req.header('x-request-id'), deps.now)
    c.set('requestId', requestId)
    let response: Response
    try {
      if (anyHost !== true) refuseForeignHost(c, allowedHosts)
      response = await respond(c)
    } catch (thrown) {
      const error = toServiceError(thrown)
      logFailure(deps.log, error, requestId)
      response = render(c, error, deps.issuer, requestId)
    }
    return withCommonHeaders(c, response, requestId, deps.issuer)
  }

  for (const route of deps.routes) {
    app.on(route.method, route.path.replaceAll(/\{([a-z_]+)\}/g, ':$1'), (c) => answer(c, route))
  }
  const refuse: HttpRoute['respond'] = (c) => {
    const methods = new Set(templates.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method))
    if (methods.size === 0) throw new ServiceError('not_found')
    const response = render(c, new ServiceError('method_not_allowed'), deps.issuer, c.get('requestId'))
    // RFC 9110 section 15.5.6
    response.headers.set('allow', [...methods, ...(methods.has('GET') ? ['HEAD'] : [])].join(', '))
    return response
  }
  app.notFound((c) => answer(c, { respond: refuse }))
  // Only what fails outside a route's own answer comes here, e.g. a path that Hono cannot read.
  app.onError((thrown, c) => {
    const requestId = requestIdOf(undefined, deps.now)
    const error = toServiceError(thrown)
    logFailure(deps.log, error, requestId)
    return withCommonHeaders(c, render(c, error, deps.issuer, requestId), requestId, deps.issuer)
  })
  return app
}

// OAuth endpoints lie under the issuer's path, which may have segments of its own.
const OAUTH_PATH = /\/oauth\/[a-z]+$/

function patternOf(template: string): RegExp {
  const escaped = template.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{[a-z_]+\}/g, '[^/]+')
  return new RegExp(`^${escaped}$`)
}

function render(c: HttpContext, error: ServiceError, issuer: string, requestId: string): Response {
  // The rest of a body that was not read must not be taken for the next request.
  const headers = ERRORS[error.code].status === 413 ? { connection: 'close' } : undefined
  if (OAUTH_PATH.test(c.req.path)) {
    return oauthError(c, error, { errorId: requestId, ...(headers ? { headers } : {}) })
  }
  return problemResponse(error, { issuer, requestId, ...(headers ? { headers } : {}) })
}

// W-12: a name that an attacker's DNS points here (rebinding) is not one of ours. The local socket has no names.
function refuseForeignHost(c: HttpContext, allowed: ReadonlySet<string> | undefined): void {
  if (allowed === undefined || listenerOf(c) === 'local-socket') return
  // RFC 9112 section 3.2.2: with a target in absolute form its host counts, so both must be ours.
  // A Host that makes no URL (`-127.0.0.1`) is none of ours either.
  const target = URL.parse(c.req.url)?.host ?? ''
  const header = c.req.header('host')?.toLowerCase() ?? target
  if (!allowed.has(header) || !allowed.has(target)) throw new ServiceError('host_not_allowed')
}

function withCommonHeaders(c: HttpContext, response: Response, requestId: string, issuer: string): Response {
  const { headers } = response
  for (const [name, value] of Object.entries(commonHeaders({ requestId, issuer, listener: listenerOf(c) }))) {
    if (!headers.has(name)) headers.set(name, value)
  }
  return response
}

/** Headers of every answer, whichever way it is written; an answer's own value of one stands. */
export function commonHeaders(of: {
  readonly requestId: string
  readonly issuer: string
  readonly listener: ListenerName
}): Readonly<Record<string, string>> {
  return {
    'x-request-id': of.requestId,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    ...(of.issuer.startsWith('https:') && of.listener === 'tcp'
      ? { 'strict-transport-security': 'max-age=31536000' }
      : {}),
  }
}
