import { z } from 'zod'
import { parseDurationMs } from '../lib/index.ts'
import type { ResourceKind } from '../resources/index.ts'

/** One scope: RFC 6749 section 3.3 (printable ASCII without space, quote and backslash), at most 128 characters. */
export const SCOPE_PATTERN = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

const scopeSchema = z.string().regex(SCOPE_PATTERN, {
  error: 'a scope is 1 to 128 printable ASCII characters without space, quote and backslash',
})

const scopesSchema = (min: number) =>
  z
    .array(scopeSchema)
    .min(min, { error: 'at least one scope' })
    .max(200, { error: 'at most 200 scopes' })
    .refine((scopes) => new Set(scopes).size === scopes.length, { error: 'a scope is listed twice' })

/**
 * Whether the text can be an audience: an absolute URI (RFC 3986 section 4.3) in its normal form, without fragment and user
 * information. Audiences are compared byte for byte (V-06), so one that has a second spelling is refused.
 */
export function isAudience(text: string): boolean {
  if (text.length > 512 || !/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/.test(text) || /["\\<>^`{|}#]/.test(text)) return false
  if (text.startsWith('urn:')) return /^urn:[a-z0-9][a-z0-9-]{0,31}:.+$/.test(text)
  const uri = URL.parse(text)
  if (uri === null || uri.username !== '' || uri.password !== '') return false
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/]/.test(text)) return false
  // `https://a.example` parses to `https://a.example/`: both are normal, and different audiences.
  return uri.href === text || uri.href === `${text}/`
}

/** The schema of an audience; see {@link isAudience}. */
export const audienceSchema = z.string().refine(isAudience, {
  error: 'an audience is an absolute URI in normal form (lower-case host, no user, no fragment) or a URN',
  params: { code: 'bad_audience', fix: "write the API's own address, such as https://orders.acme.internal" },
})

const durationSchema = z.string().refine(
  (text) => {
    const ms = parseDurationMs(text)
    return ms !== undefined && ms >= 1000 && ms <= 3_600_000 && ms % 1000 === 0
  },
  { error: 'a duration of whole seconds from 1s to 1h, such as 30s' },
)

/** The spec of a Service document. */
export type ServiceSpec = {
  readonly audience: string
  readonly scopes: readonly string[]
  readonly readScopes?: readonly string[]
  readonly signingAlgorithm?: 'ES256' | 'RS256' | 'Ed25519'
  readonly verification: { readonly maxStale: string; readonly onUnavailable: 'deny' | 'last-known-good' }
}

const serviceSpec = z
  .strictObject({
    audience: audienceSchema.describe('The `aud` of tokens for it; unique in the installation'),
    scopes: scopesSchema(1).describe('What can be granted on it'),
    readScopes: scopesSchema(0).exactOptional().describe('The scopes that only read; default: those that end in :read'),
    signingAlgorithm: z
      .enum(['ES256', 'RS256', 'Ed25519'])
      .exactOptional()
      .describe("Algorithm of its tokens, for verifiers that know only one; default: the installation's first"),
    verification: z
      .strictObject({
        maxStale: durationSchema.default('30s').describe('How long a verifier may answer from what it has applied'),
        onUnavailable: z.enum(['deny', 'last-known-good']).default('deny'),
      })
      .prefault({}),
  })
  .check(({ value, issues }) => {
    for (const [index, scope] of (value.readScopes ?? []).entries()) {
      if (value.scopes.includes(scope)) continue
      issues.push({
        code: 'custom',
        input: scope,
        path: ['readScopes', index],
        message: 'the scope is not among `scopes`',
        params: { code: 'unknown_scope', fix: 'add it to `scopes`, or remove it here' },
      })
    }
  })

/** An API that credentials are for. */
export const serviceKind: ResourceKind<ServiceSpec> = {
  kind: 'Service',
  plural: 'services',
  idPrefix: 'svc',
  spec: serviceSpec,
  hasTests: false,
  requiredMetadata: ['owner', 'purpose', 'environment'],
  summary: 'An API that credentials are for: an audience and the scopes it understands.',
}
