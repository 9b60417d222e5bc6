import { isCountersignError } from '@countersign/sdk'
import {
  type AccessToken,
  type CredentialClient,
  type CredentialClientOptions,
  createCredentialClient,
} from '@countersign/sdk/credentials'
import type { ApiClient } from './client.ts'
import { decodeToken } from './decode-token.ts'
import { toExchangeFault } from './exchange-faults.ts'
import { cliFault } from './faults.ts'
import { createSourceList, type SourceList, type SourceName } from './proof-sources/index.ts'
import type { Settings } from './settings.ts'
import { createTransportFetch } from './transport-fetch.ts'
import type { CliContext } from './types.ts'
import { list, member, number, text } from './wire.ts'

/** What of an issued token may be printed. */
export interface TokenFacts {
  readonly event_id: string | null
  readonly policy_id: string | null
  readonly workload_id: string | null
  readonly jti: string | null
  readonly kid: string | null
  readonly audience: string | null
  readonly scope: string | null
  readonly token_type: string | null
  readonly expires_in: number | null
  readonly expires_at: string | null
}

/** What to exchange for what. */
export interface ExchangeInput extends Pick<CredentialClientOptions, 'keepFresh' | 'onToken' | 'onRefreshFailed'> {
  readonly audience: string | undefined
  readonly resource: string | undefined
  readonly scopes: readonly string[]
  readonly ttlSeconds: number | undefined
  readonly source: SourceName | undefined
  readonly proofFile: string | undefined
  readonly proofAudience: string | undefined
}

/** The credential client of one command line. */
export interface TokenRequest {
  readonly list: SourceList
  /** @throws CliFault exchange_denied with the id that `explain` takes, no_proof, proof_source_failed, and the faults of the transport */
  token(): Promise<AccessToken>
  close(): void
}

/**
 * The SDK's credential client for the server of this command line. It never repeats an exchange by itself: who runs a command decides
 * that. The token endpoint is that of our own server, so no metadata is read for it.
 */
export function createTokenRequest(
  api: ApiClient,
  { audience, resource, source, scopes, ttlSeconds, proofFile, proofAudience, ...hooks }: ExchangeInput,
  settings: Settings,
  context: CliContext,
): TokenRequest {
  const { target } = api
  const server = target.via === 'socket' ? 'http://localhost' : target.url.href.replace(/\/+$/, '')
  const list = createSourceList({ only: source, proofFile, context })
  const client = createClient({
    server,
    tokenEndpoint: `${server}/oauth/token`,
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    scope: scopes,
    sources: list.sources,
    proofAudience: async () => proofAudience ?? (await defaultProofAudience(api)),
    fetch: createTransportFetch(target, new URL(server).origin, settings, context),
    timeoutMs: settings.timeoutMs,
    tries: 1,
    origins: [],
    ...hooks,
  })
  return {
    list,
    async token() {
      try {
        return await client.token({ signal: context.signal })
      } catch (error) {
        throw toExchangeFault(error, list, context)
      }
    },
    close: client.close,
  }
}

function createClient(options: CredentialClientOptions): CredentialClient {
  try {
    return createCredentialClient(options)
  } catch (error) {
    if (!isCountersignError(error, 'configuration_invalid')) throw error
    throw cliFault('usage', error.message, { fix: 'correct the flag of this name' })
  }
}

// Only what the caller named, never what a remote server says of itself: a hostile server would ask for a proof that
// another relying party accepts, and present it there. The local socket's server is this host's own.
async function defaultProofAudience(api: ApiClient): Promise<string> {
  if (api.target.via === 'server') return api.target.url.href.replace(/\/+$/, '')
  const path = '/.well-known/oauth-authorization-server'
  const { body } = await api.json({ method: 'GET', path, anonymous: true })
  const issuer = text(member(body, 'issuer'))
  if (issuer === undefined) throw cliFault('unexpected_answer', 'the metadata names no issuer')
  return issuer
}

/** The facts of a token, some of them from the token itself, whose signature is not verified here. */
export function factsOf(token: AccessToken): TokenFacts {
  const decoded = decodeToken(token.accessToken, new Date(0))
  const claims = 'malformed' in decoded ? undefined : decoded.unverifiedClaims
  const header = 'malformed' in decoded ? undefined : decoded.unverifiedHeader
  const expires = number(claims?.['exp'])
  const audience = claims?.['aud']
  return {
    event_id: token.eventId ?? null,
    policy_id: text(member(claims?.['cs'], 'pol')) ?? null,
    workload_id: text(claims?.['client_id']) ?? null,
    jti: text(claims?.['jti']) ?? null,
    kid: text(header?.['kid']) ?? null,
    audience: text(audience) ?? text(list(audience)[0]) ?? null,
    scope: token.scopes.join(' '),
    token_type: token.tokenType,
    expires_in: token.lifetimeSeconds,
    expires_at: expires === undefined || Math.abs(expires) > 8.64e12 ? null : new Date(expires * 1000).toISOString(),
  }
}
