import type { JsonValue } from '../../lib/index.ts'
import { cliFault } from '../faults.ts'
import { isLoopback } from '../target.ts'
import { readText, send } from '../transport.ts'
import { member, text } from '../wire.ts'
import type { ProofSource } from './types.ts'

/** The OIDC token of a GitHub Actions job, requested for our audience from the address that the runner gives. */
export const github: ProofSource = async ({ audience, timeoutMs, context }) => {
  const address = context.env['ACTIONS_ID_TOKEN_REQUEST_URL']
  const bearer = context.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']
  if (!address || !bearer) {
    const missing = address ? 'ACTIONS_ID_TOKEN_REQUEST_TOKEN' : 'ACTIONS_ID_TOKEN_REQUEST_URL'
    const inActions = context.env['GITHUB_ACTIONS'] === 'true'
    return {
      skipped: inActions
        ? `${missing} not set: the job lacks "permissions: id-token: write", or the run is a fork pull request`
        : `${missing} not set: this is no GitHub Actions job`,
    }
  }
  const url = parseAddress(address)
  url.searchParams.set('audience', await audience())
  const answer = await send({
    url,
    method: 'GET',
    headers: { accept: 'application/json', authorization: `bearer ${bearer}`, 'user-agent': 'countersign-cli' },
    timeoutMs,
    signal: context.signal,
  })
  const body = await readText(answer, 64 * 1024)
  if (answer.status !== 200) {
    throw cliFault('proof_source_failed', `github: ${url.host} answered ${answer.status}`, {
      fix: 'retry; if it stays, see whether GitHub Actions has an incident',
    })
  }
  const rawProof = text(member(parse(body), 'value'))
  if (rawProof === undefined || !/^[\x21-\x7e]{1,16384}$/.test(rawProof)) {
    throw cliFault('proof_source_failed', `github: ${url.host} answered without a token`)
  }
  return { rawProof, from: 'ACTIONS_ID_TOKEN_REQUEST_URL' }
}

// The bearer token goes there: https, or an emulated issuer on loopback.
function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))) return url
  throw cliFault('input_invalid', 'github: ACTIONS_ID_TOKEN_REQUEST_URL is not an https address', {
    fix: 'leave the variable as the runner sets it',
  })
}

function parse(body: string): JsonValue {
  try {
    return JSON.parse(body) as JsonValue
  } catch {
    return null
  }
}
