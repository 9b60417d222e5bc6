import { CountersignError } from '../errors.ts'

/** A call of an API, taken apart so that it can be sent again. */
export interface Call {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: NonNullable<RequestInit['body']> | null
  /** Everything else that was given. */
  readonly init: RequestInit
  readonly signal: AbortSignal | undefined
  /** Whether the body can be sent again: a stream cannot. */
  readonly isRepeatable: boolean
  readonly redirect: RequestInit['redirect']
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']

/** The call that these arguments of `fetch` make. @throws CountersignError url_refused */
export function toCall(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Call {
  const request = input instanceof Request ? input : undefined
  const address = request?.url ?? String(input)
  const url = URL.canParse(address) ? new URL(address) : undefined
  // The origin of a blob: URL is that of whoever made it.
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new CountersignError('url_refused', { reason: 'it is no absolute http or https URL' })
  }
  if (url.username !== '' || url.password !== '') {
    throw new CountersignError('url_refused', { reason: 'it holds a user name or a password' })
  }
  const body = init.body === undefined ? request?.body : init.body
  const signal = init.signal === undefined ? request?.signal : init.signal
  const isStream = body === undefined || body === null ? false : !isWhole(body)
  return {
    url,
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    headers: new Headers(init.headers ?? request?.headers),
    body: body ?? null,
    init: isStream ? { ...init, ...streaming(signal) } : { ...init, ...(signal ? { signal } : {}) },
    signal: signal ?? undefined,
    isRepeatable: !isStream,
    redirect: init.redirect ?? request?.redirect ?? 'follow',
  }
}

/**
 * The call that a redirect asks for, as `fetch` makes it (Fetch standard, HTTP-redirect fetch); undefined when the answer is none that
 * is followed, or the body cannot be sent again.
 */
export function redirected(call: Call, response: Response): Call | undefined {
  const location = response.headers.get('location')
  if (call.redirect !== 'follow' || !REDIRECTS.has(response.status) || location === null) return undefined
  if (!URL.canParse(location, call.url.href)) return undefined
  const url = new URL(location, call.url)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined
  const becomesGet =
    response.status === 303 ? !['GET', 'HEAD'].includes(call.method) : response.status < 303 && call.method === 'POST'
  if (!becomesGet) return call.isRepeatable ? { ...call, url } : undefined
  const headers = new Headers(call.headers)
  for (const name of BODY_HEADERS) headers.delete(name)
  return { ...call, url, method: 'GET', headers, body: null, isRepeatable: true }
}

function streaming(signal: AbortSignal | null | undefined): RequestInit {
  // `fetch` demands it of whoever sends a stream.
  return { duplex: 'half', ...(signal ? { signal } : {}) } as RequestInit
}

function isWhole(body: NonNullable<RequestInit['body']>): boolean {
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof FormData
  )
}
