import type { IncomingMessage, ServerResponse } from 'node:http'
import { ServiceError } from '../errors.ts'
import type { Now } from '../lib/index.ts'
import { commonHeaders } from './app.ts'
import { readIncomingBody } from './body.ts'
import { type ErrorLog, logFailure, oauthErrorAnswer, type PlainAnswer, toServiceError } from './errors.ts'
import { requestIdOf } from './request-id.ts'
import type { RequestSender } from './sender.ts'

/** A request of an OAuth form endpoint, whichever way it came in. */
export interface FormRequest extends RequestSender {
  readonly contentType: string | undefined
  readonly forwardedFor: string | undefined
  readonly authorization: string | undefined
  /** @throws ServiceError payload_too_large, unsupported_media_type, invalid_request */
  readBody(): Promise<Uint8Array>
}

/** Answers a form request; throws what the caller renders as an OAuth error. */
export type AnswerForm = (request: FormRequest) => Promise<PlainAnswer>

/** What {@link createDirectRoute} needs. */
export interface DirectRouteDeps {
  /** Exact path of the request target; a target with a query goes the other way. */
  readonly path: string
  readonly answer: AnswerForm
  readonly issuer: string
  readonly allowedHosts: readonly string[]
  readonly now: Now
  readonly log: ErrorLog
}

/** Answers a request on the TCP listener itself, or says that it is not its own. */
export type DirectRoute = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/**
 * The token endpoint without the web-standard request and response in between, which cost about a tenth of an exchange. Only the plain
 * form of the request comes here (POST, exact path, a Host of ours); everything else takes the way of every other route, with the
 * same answers. The answers, their headers and errors are those of `app.ts`; a test compares the two.
 */
export function createDirectRoute(deps: DirectRouteDeps): DirectRoute {
  const hosts = new Set(deps.allowedHosts.map((host) => host.toLowerCase()))

  async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const requestId = requestIdOf(single(incoming.headers['x-request-id']), deps.now)
    let answer: PlainAnswer
    try {
      answer = await deps.answer({
        contentType: incoming.headers['content-type'],
        forwardedFor: single(incoming.headers['x-forwarded-for']),
        authorization: incoming.headers.authorization,
        dpop: single(incoming.headers['dpop']),
        clientCert: single(incoming.headers['client-cert']),
        path: deps.path,
        peer: incoming.socket.remoteAddress,
        readBody: () => readIncomingBody(incoming),
      })
    } catch (thrown) {
      const error = toServiceError(thrown)
      logFailure(deps.log, error, requestId)
      answer = oauthErrorAnswer(error, { errorId: requestId })
    }
    if (answer.status === 413) outgoing.shouldKeepAlive = false
    outgoing.writeHead(answer.status, {
      ...commonHeaders({ requestId, issuer: deps.issuer, listener: 'tcp' }),
      ...answer.headers,
      'content-length': Buffer.byteLength(answer.body),
    })
    outgoing.end(answer.body)
  }

  return (incoming, outgoing) => {
    if (incoming.method !== 'POST' || incoming.url !== deps.path) return false
    if (!hosts.has(incoming.headers.host?.toLowerCase() ?? '')) return false
    respond(incoming, outgoing).catch((error: unknown) => {
      // Only writing to a connection that is gone can fail here; nobody is left to be answered.
      logFailure(deps.log, new ServiceError('internal_error', { cause: error }), '-')
      outgoing.destroy()
    })
    return true
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
