import { ERRORS } from '../errors.ts'
import { exitFor, isErrorCode } from './exit-for.ts'
import { CliFault, cliFault, type FaultDetail } from './faults.ts'
import { isObject, list, text } from './wire.ts'

/**
 * A refusal of the server (RFC 9457) as a fault: the server's detail, and title and fix of our own table where the code is
 * known, so that an older or newer server cannot put words into this CLI's mouth.
 */
export function readProblem(answer: {
  status: number
  body: unknown
  headers: Readonly<Record<string, string | string[] | undefined>>
}): CliFault {
  const { status, body } = answer
  if (status >= 300 && status <= 399) {
    // The token would travel along to wherever it points.
    return cliFault('unexpected_answer', `the server redirects (${status}); redirects are not followed`)
  }
  const code = isObject(body) ? text(body['code']) : undefined
  if (!isObject(body) || code === undefined) {
    if (status === 502 || status === 503 || status === 504)
      return cliFault('unreachable', `a gateway answered ${status}`)
    if (status === 401) return toFault('unauthenticated', status, {})
    return cliFault('unexpected_answer', `status ${status} without a problem document`)
  }
  return toFault(code, status, body)
}

function toFault(code: string, status: number, body: Readonly<Record<string, unknown>>): CliFault {
  const known = isErrorCode(code) ? ERRORS[code] : undefined
  const exit = exitFor(code, status)
  return new CliFault({
    code: /^[a-z][a-z0-9_]{0,60}$/.test(code) ? code : 'unexpected_answer',
    exit,
    title: known?.title ?? text(body['title']) ?? `The server answered ${status}`,
    detail: text(body['detail']),
    fix: fixFor(code, known?.fix ?? text(body['fix']) ?? 'see detail', body),
    id: text(body['request_id']),
    retryable: status === 429 || (status >= 502 && status <= 504),
    problems: list(body['errors']).flatMap(readDetail),
  })
}

function fixFor(code: string, fix: string, body: Readonly<Record<string, unknown>>): string {
  if (code === 'unauthenticated') return 'give a token with --token-file, or run on the server over its local socket'
  const scope = text(body['scope']) ?? text(body['required_scope'])
  return code === 'forbidden' && scope !== undefined ? `a policy must grant the scope ${scope}` : fix
}

function readDetail(value: unknown): FaultDetail[] {
  if (!isObject(value)) return []
  const fix = text(value['fix'])
  return [
    {
      pointer: text(value['pointer']) ?? '',
      code: text(value['code']) ?? '',
      detail: text(value['detail']) ?? '',
      ...(fix === undefined ? {} : { fix }),
    },
  ]
}
