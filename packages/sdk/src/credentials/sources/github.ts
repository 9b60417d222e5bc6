import process from 'node:process'
import { CountersignError } from '../../errors.ts'
import { type JsonObject, parseStrictJsonObject } from '../../jws/index.ts'
import { AnswerError } from '../answer-error.ts'
import { parseCredentialUrl } from '../credential-url.ts'
import { readBody } from '../request.ts'
import { isProof } from './proof.ts'
import type { Environment, ProofRequest, ProofSource, SourceKind } from './types.ts'

const ADDRESS = 'ACTIONS_ID_TOKEN_REQUEST_URL'
const REQUEST_TOKEN = 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'

/** Where the GitHub source reads its variables. */
export interface GithubSourceOptions {
  /** The process's own when not given. */
  readonly env?: Environment
}

/**
 * The OIDC token of a GitHub Actions job, requested for our audience from the address that the runner gives: a new one each time,
 * since each is good for one exchange.
 *
 * @example
 * createCredentialClient({ server, audience, sources: [githubSource()] })
 */
export function githubSource({ env = process.env }: GithubSourceOptions = {}): ProofSource {
  return {
    name: 'github',
    async find(request) {
      const address = env[ADDRESS]
      const requestToken = env[REQUEST_TOKEN]
      if (!address || !requestToken) {
        const missing = address ? REQUEST_TOKEN : ADDRESS
        return {
          skipped:
            env['GITHUB_ACTIONS'] === 'true'
              ? `${missing} not set: the job lacks "permissions: id-token: write", or the run is a fork pull request`
              : `${missing} not set: this is no GitHub Actions job`,
        }
      }
      return { rawProof: await requestProof(address, requestToken, request), from: ADDRESS }
    },
  }
}

/** The GitHub source as data. */
export const GITHUB: SourceKind = {
  name: 'github',
  presets: ['github-actions'],
  variables: [
    { name: ADDRESS, meaning: 'set by the runner of a job with `permissions: id-token: write`' },
    { name: REQUEST_TOKEN, meaning: 'set beside it; never part of an error' },
    { name: 'GITHUB_ACTIONS', meaning: 'tells a job without that permission from any other process' },
  ],
  defaultPaths: [],
  create: () => githubSource(),
}

async function requestProof(address: string, requestToken: string, request: ProofRequest): Promise<string> {
  // The request token goes there: https, or an emulated issuer on loopback.
  const url = parseCredentialUrl(address)
  if (url === undefined) throw new CountersignError('proof_invalid', { reason: `${ADDRESS} is not an https address` })
  if (!/^[\x21-\x7e]+$/.test(requestToken)) {
    throw new CountersignError('proof_invalid', { reason: `${REQUEST_TOKEN} is not one line of visible ASCII` })
  }
  url.searchParams.set('audience', await request.audience())
  const failed = (reason: string, cause?: unknown) =>
    new CountersignError('proof_unavailable', {
      reason: `github: ${reason}`,
      ...(cause === undefined ? {} : { cause }),
    })
  let status: number
  let body: Buffer
  try {
    const response = await request.fetch(url, {
      headers: { accept: 'application/json', authorization: `bearer ${requestToken}` },
      // Wherever a redirect leads, the request token would travel along.
      redirect: 'manual',
      signal: request.signal,
    })
    status = response.status
    body = await readBody(response, 'proof_unavailable')
  } catch (error) {
    request.signal.throwIfAborted()
    if (error instanceof CountersignError) throw error
    throw failed(`${url.host} cannot be reached`, error)
  }
  if (status !== 200) throw failed(`${url.host} answered ${status}`, new AnswerError(status))
  const rawProof = parseBody(body)?.['value']
  if (!isProof(rawProof)) throw failed(`${url.host} answered without a token`)
  return rawProof
}

function parseBody(body: Buffer): JsonObject | undefined {
  try {
    return parseStrictJsonObject(body)
  } catch {
    return undefined
  }
}
