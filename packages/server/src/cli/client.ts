import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonValue } from '../lib/index.ts'
import { cliFault } from './faults.ts'
import { readProblem } from './problem.ts'
import type { Settings } from './settings.ts'
import { findTarget, type Target, verifySocketOwner } from './target.ts'
import { readTokenFile } from './token-file.ts'
import { type Answer, isNotConnected, readText, send } from './transport.ts'
import type { CliContext } from './types.ts'

/** One call of the API. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: JsonValue
  readonly form?: URLSearchParams
  readonly headers?: Readonly<Record<string, string>>
  /** May be sent again after 429, 502-504 and failed connections: the repetition changes nothing more. Default: GET. */
  readonly repeatable?: boolean
  /** Sends no access token: the exchange, which is where tokens come from. */
  readonly anonymous?: boolean
}

/** A JSON answer. */
export interface JsonAnswer {
  readonly status: number
  readonly headers: Answer['headers']
  readonly body: JsonValue
}

/** The API of one server. Over the socket no credential is sent: the operating system says who calls. */
export interface ApiClient {
  readonly target: Target
  /** The answer to a call that succeeded. @throws CliFault with the problem of the server, unreachable, timeout */
  json(call: Call): Promise<JsonAnswer>
  /** The answer whatever its status; the body is read as JSON if it is some, else as text. */
  any(call: Call): Promise<JsonAnswer>
  /** The answer's body as it comes in. @throws as `json` */
  stream(call: Call): Promise<Answer>
}

const TRIES = 3
const RETRY_BUDGET_MS = 10_000

/** A client for the server that the settings name. Reads the token file once, at the first call that needs it. */
export async function createApiClient(settings: Settings, context: CliContext): Promise<ApiClient> {
  const target = await findTarget(settings, context)
  let token: Promise<string | undefined> | undefined

  async function readToken(): Promise<string | undefined> {
    if (target.via === 'socket' || !settings.tokenFile) return undefined
    return await readTokenFile(settings.tokenFile.path, 'the access token', context)
  }

  async function headersFor(call: Call): Promise<Record<string, string>> {
    if (!call.anonymous) token ??= readToken()
    const access = call.anonymous ? undefined : await token
    return {
      accept: 'application/json',
      'user-agent': 'countersign-cli',
      ...contentType(call),
      ...(settings.requestId === undefined ? {} : { 'x-request-id': settings.requestId }),
      ...(access === undefined ? {} : { authorization: `Bearer ${access}` }),
      ...call.headers,
    }
  }

  async function once(call: Call, streams: boolean): Promise<Answer> {
    if (target.via === 'socket') await verifySocketOwner(target.socketPath)
    return await send({
      url: urlFor(target, call),
      socketPath: target.via === 'socket' ? target.socketPath : undefined,
      method: call.method,
      headers: await headersFor(call),
      body: call.form?.toString() ?? (call.body === undefined ? undefined : JSON.stringify(call.body)),
      timeoutMs: settings.timeoutMs,
      streams,
      signal: context.signal,
    })
  }

  async function open(call: Call, streams = false): Promise<Answer> {
    const repeatable = call.repeatable ?? call.method === 'GET'
    const deadline = performance.now() + Math.min(RETRY_BUDGET_MS, settings.timeoutMs)
    for (let attempt = 1; ; attempt += 1) {
      const last = !repeatable || attempt === TRIES
      try {
        const answer = await once(call, streams)
        if (last || ![429, 502, 503, 504].includes(answer.status)) return answer
        const waitMs = retryDelayMs(attempt, answer.headers['retry-after'])
        if (performance.now() + waitMs > deadline) return answer
        answer.body.destroy()
        await sleep(waitMs, undefined, { signal: context.signal })
      } catch (error) {
        // A socket that is not there does not appear within the second; a name or a port behind a balancer may.
        if (last || target.via === 'socket' || !isNotConnected(error)) throw error
        const waitMs = retryDelayMs(attempt, undefined)
        if (performance.now() + waitMs > deadline) throw error
        await sleep(waitMs, undefined, { signal: context.signal })
      }
    }
  }

  async function any(call: Call): Promise<JsonAnswer> {
    const answer = await open(call)
    const text = await readText(answer)
    return { status: answer.status, headers: answer.headers, body: parseBody(text, answer) }
  }

  return {
    target,
    any,
    async json(call) {
      const answer = await any(call)
      if (answer.status < 200 || answer.status > 299) throw readProblem(answer)
      return answer
    },
    async stream(call) {
      const answer = await open(call, true)
      if (answer.status >= 200 && answer.status <= 299) return answer
      throw readProblem({
        status: answer.status,
        headers: answer.headers,
        body: parseBody(await readText(answer), answer),
      })
    },
  }
}

// The API takes unsafe requests only as application/json, also without a body: no form of a web page can send that.
function contentType(call: Call): Record<string, string> {
  if (call.form !== undefined) return { 'content-type': 'application/x-www-form-urlencoded' }
  const json = call.body !== undefined || (call.method !== 'GET' && call.method !== 'DELETE')
  return json ? { 'content-type': 'application/json' } : {}
}

function urlFor(target: Target, call: Call): URL {
  const base = target.via === 'socket' ? 'http://localhost' : target.url.href.replace(/\/+$/, '')
  const url = new URL(`${base}${call.path}`)
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url
}

function parseBody(text: string, answer: Answer): JsonValue {
  if (text === '') return null
  const type = answer.headers['content-type'] ?? ''
  if (/^application\/([a-z.+-]+\+)?json\b/i.test(type)) {
    try {
      return JSON.parse(text) as JsonValue
    } catch {
      throw cliFault('unexpected_answer', 'the answer says that it is JSON and is not')
    }
  }
  return text
}

function retryDelayMs(attempt: number, retryAfter: string | undefined): number {
  if (retryAfter !== undefined && /^[0-9]{1,4}$/.test(retryAfter)) return Number(retryAfter) * 1000
  return Math.random() * 200 * 2 ** attempt
}
