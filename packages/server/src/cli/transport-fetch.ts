import { Readable } from 'node:stream'
import { cliFault } from './faults.ts'
import type { Settings } from './settings.ts'
import { type Target, verifySocketOwner } from './target.ts'
import { send } from './transport.ts'
import type { CliContext } from './types.ts'

/**
 * A `fetch` over the transport of this command line, for the credential client: requests to the server go to the target, over its
 * socket where it has one, and all others over TCP. Takes what that client sends: a URL, headers as an object, a text body.
 * @throws CliFault unreachable, timeout, interrupted, unexpected_answer
 */
export function createTransportFetch(
  target: Target,
  origin: string,
  settings: Pick<Settings, 'timeoutMs' | 'requestId'>,
  context: CliContext,
): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const isServer = url.origin === origin
    const socketPath = isServer && target.via === 'socket' ? target.socketPath : undefined
    if (socketPath !== undefined) await verifySocketOwner(socketPath)
    const answer = await send({
      url,
      socketPath,
      method: init.method ?? 'GET',
      headers: {
        ...Object.fromEntries(new Headers(init.headers)),
        'user-agent': 'countersign-cli',
        ...(isServer && settings.requestId !== undefined ? { 'x-request-id': settings.requestId } : {}),
      },
      body: typeof init.body === 'string' ? init.body : undefined,
      timeoutMs: settings.timeoutMs,
      signal: init.signal ?? context.signal,
    })
    const { status } = answer
    if (status < 200 || status > 599) {
      answer.body.destroy()
      throw cliFault('unexpected_answer', `status ${status}`)
    }
    const hasBody = ![204, 205, 304].includes(status)
    if (!hasBody) answer.body.destroy()
    const headers = new Headers()
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one)
    }
    return new Response(hasBody ? (Readable.toWeb(Readable.from(answer.body)) as ReadableStream) : null, {
      status,
      headers,
    })
  }
}
