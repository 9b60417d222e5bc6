/** An API that credentials are for: an audience URI and the scopes it understands. */
export interface Service {
  readonly id: string
  readonly name: string
  readonly revision: number
  readonly enabled: boolean
  readonly environment: string
  readonly audience: string
  readonly scopes: readonly string[]
  /** Scopes that only read; the others count as write scopes for a preset's dangers. Default: names ending in `:read`. */
  readonly readScopes: readonly string[]
  /** `PREFIX:NAME` is a scope of it for every other service NAME; only the management API has such scopes. */
  readonly scopePrefix?: string
  /** Algorithm of tokens for this service, for verifiers that know only one. Default: the installation's first. */
  readonly signingAlgorithm?: 'ES256' | 'RS256' | 'Ed25519'
  readonly verification: { readonly maxStaleSeconds: number; readonly onUnavailable: 'deny' | 'last-known-good' }
}
