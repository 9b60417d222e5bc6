import { createServer, request as plainRequest, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, request as tlsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import express, { type ErrorRequestHandler } from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import type { Certificate } from '../jwks/issuer-server.fixture.ts'
import * as forExpress from './express.ts'
import * as forFastify from './fastify.ts'
import * as forFetch from './fetch.ts'
import * as forHono from './hono.ts'
import * as forNode from './node.ts'
import type { ProtectOptions } from './options.ts'
import type { Principal } from './principal.ts'

/** The resource of the apps below, for their metadata. */
export const RESOURCE = 'https://orders.acme.example/v1'

/** TLS that asks for client certificates and takes any. */
export interface TlsOptions extends Certificate {
  readonly requestCert: true
  readonly rejectUnauthorized: false
}

interface App {
  readonly options: ProtectOptions
  readonly tls: TlsOptions | undefined
  /** What reaches the error handler of the framework. */
  readonly errors: unknown[]
}

/**
 * One framework with one and the same app: `/orders` is protected and answers GET with the principal and POST with the body;
 * `/fails` is protected and fails later; the metadata document is where it belongs.
 */
export interface Adapter {
  readonly name: string
  /** Whether it sees the connection of a request, and so its client certificate. */
  readonly seesConnection: boolean
  /** Whether the framework hands errors of the app on to a handler. */
  readonly handlesErrors: boolean
  start(app: App): Promise<Server> | Server
}

const FAILURE = 'the app failed'

async function fail(): Promise<never> {
  await null
  throw new Error(FAILURE)
}

function listen(tls: TlsOptions | undefined, listener: RequestListener): Server {
  return tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
}

function honoServer(
  fetch: (request: Request, env?: object) => Response | Promise<Response>,
  tls: TlsOptions | undefined,
): Server {
  const settings = tls === undefined ? {} : { createServer: createTlsServer, serverOptions: tls }
  return createAdaptorServer({
    fetch: fetch as (request: Request) => Response | Promise<Response>,
    ...settings,
  }) as Server
}

function startExpress({ options, tls, errors }: App): Server {
  const app = express()
  app.disable('x-powered-by')
  app.use(express.urlencoded())
  const metadata = forExpress.resourceMetadata({
    resource: RESOURCE,
    authorizationServers: ['https://sts.acme.example'],
  })
  app.get(metadata.path, metadata.handler)
  const guard = forExpress.protect(options)
  // Under a router, whose requests have another `url`.
  const orders = express.Router()
  orders.get('/', guard, (request, response) => {
    response.json(forExpress.principalOf(request))
  })
  orders.post('/', guard, (request, response) => {
    request.pipe(response)
  })
  app.use('/orders', orders)
  app.get('/fails', guard, fail)
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    errors.push(error)
    response.status(500).send('handled')
  }
  app.use(onError)
  return listen(tls, app)
}

async function startFastify({ options, tls, errors }: App, hook: 'onRequest' | 'preHandler'): Promise<Server> {
  const app = fastify(tls === undefined ? {} : ({ https: tls } as object))
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, payload, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(payload)))),
  )
  const metadata = forFastify.resourceMetadata({
    resource: RESOURCE,
    authorizationServers: ['https://sts.acme.example'],
  })
  app.get(metadata.path, metadata.handler)
  const guard = { [hook]: forFastify.protect(options) }
  app.get('/orders', guard, async (request) => forFastify.principalOf(request))
  app.post('/orders', guard, (request, reply) => reply.send(request.body))
  app.get('/fails', guard, fail)
  app.setErrorHandler((error, _request, reply) => {
    errors.push(error)
    return reply.code(500).send('handled')
  })
  await app.ready()
  return app.server
}

function startHono({ options, tls, errors }: App): Server {
  const app = new Hono<{ Variables: { access: Principal } }>()
  const metadata = forHono.resourceMetadata({ resource: RESOURCE, authorizationServers: ['https://sts.acme.example'] })
  app.get(metadata.path, metadata.handler)
  const guard = forHono.protect(options)
  const orders = new Hono<{ Variables: { access: Principal } }>()
  orders.get('/', guard, (c) => {
    if (c.var.access !== forHono.principalOf(c)) throw new Error('two principals')
    return c.json(c.var.access)
  })
  orders.post('/', guard, (c) => new Response(c.req.raw.body))
  app.route('/orders', orders)
  app.get('/fails', guard, fail)
  app.onError((error, c) => {
    errors.push(error)
    return c.text('handled', 500)
  })
  return honoServer((request, env) => app.fetch(request, env), tls)
}

function startFetch({ options, tls }: App): Server {
  const metadata = forFetch.resourceMetadata({ resource: RESOURCE, authorizationServers: ['https://sts.acme.example'] })
  const guarded = forFetch.protect(options)(async (request, principal, env: object) => {
    if (new URL(request.url).pathname === '/fails') return fail()
    if (request.method === 'POST') return new Response(request.body)
    if (forFetch.principalOf(request) !== principal || env === undefined) throw new Error('two principals')
    return Response.json(principal)
  })
  return honoServer(
    (request, env) =>
      new URL(request.url).pathname === metadata.path ? metadata.handler() : guarded(request, env ?? {}),
    tls,
  )
}

function startNode({ options, tls, errors }: App): Server {
  const metadata = forNode.resourceMetadata({ resource: RESOURCE, authorizationServers: ['https://sts.acme.example'] })
  const guarded = forNode.protect(options)(
    async (request: Parameters<RequestListener>[0], response: Parameters<RequestListener>[1], principal) => {
      try {
        if (request.url === '/fails') await fail()
        if (request.method === 'POST') request.pipe(response)
        else if (forNode.principalOf(request) === principal) {
          response.setHeader('Content-Type', 'application/json').end(JSON.stringify(principal))
        }
      } catch (error) {
        errors.push(error)
        response.writeHead(500).end('handled')
      }
    },
  )
  return listen(tls, (request, response) => {
    if (request.url === metadata.path) metadata.handler(request, response)
    else guarded(request, response)
  })
}

/** Every adapter. One more is one more line. */
export const ADAPTERS: readonly Adapter[] = [
  { name: 'express', seesConnection: true, handlesErrors: true, start: startExpress },
  {
    name: 'fastify, onRequest',
    seesConnection: true,
    handlesErrors: true,
    start: (app) => startFastify(app, 'onRequest'),
  },
  {
    name: 'fastify, preHandler',
    seesConnection: true,
    handlesErrors: true,
    start: (app) => startFastify(app, 'preHandler'),
  },
  { name: 'hono', seesConnection: true, handlesErrors: true, start: startHono },
  { name: 'fetch', seesConnection: false, handlesErrors: false, start: startFetch },
  { name: 'node', seesConnection: true, handlesErrors: true, start: startNode },
]

/** An answer as it came over the socket. */
export interface Answer {
  readonly status: number
  /** Lower-case names with their values, in order. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** A running app. */
export interface RunningApp {
  readonly errors: unknown[]
  /** Sends a request; headers are names and values in turn, and may repeat. */
  send(request: {
    readonly method?: string
    readonly path?: string
    readonly headers?: readonly string[]
    readonly body?: string | Uint8Array
    readonly certificate?: Certificate
  }): Promise<Answer>
}

/** Starts the app of an adapter on loopback; it ends with the test. */
export async function startApp(
  t: TestContext,
  adapter: Adapter,
  options: ProtectOptions,
  tls?: Certificate,
): Promise<RunningApp> {
  const errors: unknown[] = []
  const tlsOptions = tls && ({ ...tls, requestCert: true, rejectUnauthorized: false } as const)
  const server = await adapter.start({ options, tls: tlsOptions, errors })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    errors,
    send: ({ method = 'GET', path = '/orders', headers = [], body, certificate }) =>
      new Promise((answered, failed) => {
        const common = {
          host: '127.0.0.1',
          port,
          method,
          path,
          headers: ['Host', 'evil.example', ...headers] as unknown as string[],
        }
        const outgoing =
          tls === undefined
            ? plainRequest(common)
            : tlsRequest({ ...common, ...certificate, agent: false, rejectUnauthorized: false })
        outgoing.on('response', (incoming) => {
          const raw = incoming.rawHeaders
          const pairs = Array.from(
            { length: raw.length / 2 },
            (_, i) => [raw[2 * i]?.toLowerCase() ?? '', raw[2 * i + 1] ?? ''] as const,
          )
          text(incoming).then(
            (read) => answered({ status: incoming.statusCode ?? 0, headers: pairs, body: read }),
            failed,
          )
        })
        outgoing.on('error', failed)
        outgoing.end(body)
      }),
  }
}
