import type { UnverifiedToken } from '@countersign/sdk'
import { createKeySources, type KeySourcesDeps } from './key-sources.ts'
import { createKubernetesAttestor } from './kubernetes.ts'
import { createOidcAttestor, type JwtAttestorDeps } from './oidc.ts'
import type { AttestOutcome, Attestor, TrustProvider } from './types.ts'

/** Every kind of proof that is accepted. A new kind is one line here and its file. */
const ATTESTORS: Readonly<Record<Attestor['kind'], (deps: JwtAttestorDeps) => Attestor>> = {
  oidc: createOidcAttestor,
  kubernetes: createKubernetesAttestor,
}

/** What the attestors need. */
export interface AttestorsDeps extends KeySourcesDeps {
  /** Host, and port if any, of our own issuer: the authority of workload URIs. */
  readonly ourIssuerHost: string
}

/** All attestors behind one door: each proof goes to the one that the provider's preset names. */
export interface Attestors {
  /** Verifies the proof against this one provider. A disabled provider accepts nothing. */
  attest(proof: string, provider: TrustProvider, read?: UnverifiedToken): Promise<AttestOutcome>
  /** Whether the provider's cached keys hold this kid; never fetches. */
  holdsKey(provider: TrustProvider, kid: string): boolean
  /** Fetches keys ahead of the first proof; failures are alarms, not errors. Call it at start and after providers change. */
  prefetch(providers: readonly TrustProvider[]): Promise<void>
  /** Closes what only other providers used. Call it after providers change. */
  retain(providers: readonly TrustProvider[]): void
  close(): void
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/

/**
 * Opens the attestors. Nothing is fetched until a proof or `prefetch` asks for it.
 * @throws RangeError when `ourIssuerHost` is not a lower-case host with an optional port.
 */
export function createAttestors(deps: AttestorsDeps): Attestors {
  if (!HOST.test(deps.ourIssuerHost))
    throw new RangeError('ourIssuerHost must be a lower-case host, with a port if it has one')
  const keys = createKeySources(deps)
  const shared = { now: deps.now, keys, ourIssuerHost: deps.ourIssuerHost }
  const byKind = { oidc: ATTESTORS.oidc(shared), kubernetes: ATTESTORS.kubernetes(shared) }
  return {
    async attest(proof, provider, read) {
      if (!provider.enabled) {
        const detail = 'the trust provider is disabled'
        return {
          ok: false,
          refusal: { code: 'proof_unknown_issuer', stage: 'provider', detail, providerId: provider.id },
        }
      }
      return byKind[provider.preset.attestor].attest(proof, provider, read)
    },
    holdsKey: keys.holdsKey,
    prefetch: keys.prefetch,
    retain: keys.retain,
    close: keys.close,
  }
}
