import { CountersignError, parseFetchUrl } from '@countersign/sdk'
import { z } from 'zod'
import { type JsonObject, parseDurationMs } from '../lib/index.ts'
import type { ResourceKind } from '../resources/index.ts'
import { findIssuerFault } from './issuer-url.ts'
import { PRESETS } from './presets/index.ts'

const MAX_TEXT = 512

const duration = z
  .string()
  .regex(/^[1-9][0-9]{0,8}(ms|s|m|h|d)$/, 'must be a whole number and a unit of ms, s, m, h or d, such as 15m')
  .refine((text) => (parseDurationMs(text) ?? 0) >= 1000, 'must be at least 1s')

const printable = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')

const path = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^\/[^\0]*$/, 'must be an absolute path')

const requireValue = z.union([
  z
    .string()
    .min(1)
    .max(MAX_TEXT)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed text'),
  z.number(),
  z.boolean(),
])

const keys = z.union([
  z.strictObject({ discovery: z.literal(true) }),
  z.strictObject({ jwksUri: printable }),
  z.strictObject({ jwksFile: path }),
  z.strictObject({ jwks: z.record(z.string(), z.json()) }),
])

const network = z.strictObject({
  allowPrivateNetwork: z
    .boolean()
    .optional()
    .describe('the issuer may resolve to a private or loopback address; for issuers inside your network'),
  allowLoopbackHttp: z
    .boolean()
    .optional()
    .describe(
      'DANGEROUS: plain http to loopback, for the emulated issuers of the quickstart; the service then listens on loopback only',
    ),
  caFile: path.optional().describe('PEM file of the certificate authorities of this issuer'),
})

/** The strict schema of a TrustProvider's `spec`. Output is plain JSON: nothing is defaulted or transformed here, see compile. */
export const trustProviderSpec = z
  .strictObject({
    preset: z
      .enum(PRESETS.map((preset) => preset.name) as [string, ...string[]])
      .describe('the platform that issues the proofs'),
    issuer: z.string().min(1).max(255).describe('`iss` of the proofs, compared byte by byte'),
    audience: printable.describe('`aud` that proofs must name: this installation, and nothing else'),
    keys: keys.optional().describe('where the verification keys come from; default: discovery at the issuer'),
    algorithms: z.array(z.string().max(16)).min(1).max(16).optional().describe("a subset of the preset's algorithms"),
    require: z
      .record(z.string().max(128), requireValue)
      .refine((claims) => Object.keys(claims).length <= 16, 'must have at most 16 claims')
      .optional()
      .describe('claims that every proof must carry with exactly this value: the tenant'),
    singleTenant: z.boolean().optional().describe('preset oidc: the issuer serves this organisation only'),
    maxUses: z.int().min(1).max(1000).optional().describe('uses of one proof; may only lower the preset'),
    usesPerMinute: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('uses of one cached proof in a minute; may only lower the preset'),
    maxProofAge: duration.optional().describe('refuses proofs issued longer ago; may only lower the preset'),
    maxTtl: duration.optional().describe('longest lifetime of tokens issued for these proofs'),
    network: network.optional(),
  })
  .superRefine((spec, context) => {
    const allowLoopbackHttp = spec.network?.allowLoopbackHttp === true
    const fault = findIssuerFault(spec.issuer, { allowLoopbackHttp })
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['issuer'], message: `issuer: ${fault}` })
    if (spec.keys !== undefined && 'jwksUri' in spec.keys) {
      const uriFault = findFetchUrlFault(
        spec.keys.jwksUri,
        allowLoopbackHttp,
        spec.network?.allowPrivateNetwork === true,
      )
      if (uriFault !== undefined) {
        context.addIssue({ code: 'custom', path: ['keys', 'jwksUri'], message: `jwksUri: ${uriFault}` })
      }
    }
  })

// J-01: the same rules that hold when it is fetched, so that a provider that can be saved can also be used.
function findFetchUrlFault(uri: string, allowLoopbackHttp: boolean, allowPrivateNetwork: boolean): string | undefined {
  try {
    parseFetchUrl(uri, { allowedOrigins: [], allowPrivateNetwork, allowLoopbackHttp })
    return undefined
  } catch (error) {
    if (error instanceof CountersignError) return error.message
    throw error
  }
}

/** A TrustProvider's `spec` as it is stored. */
export type TrustProviderSpec = z.infer<typeof trustProviderSpec>

/** The resource kind: whose proofs are trusted, and of which tenant. */
export const trustProviderKind: ResourceKind<TrustProviderSpec & JsonObject> = {
  kind: 'TrustProvider',
  plural: 'trust-providers',
  idPrefix: 'tp',
  spec: trustProviderSpec as unknown as z.ZodType<TrustProviderSpec & JsonObject>,
  hasTests: false,
  requiredMetadata: ['owner', 'purpose', 'reviewBy'],
  summary:
    'An issuer whose proofs are accepted: its keys, the audience of the proofs, and the tenant they must come from.',
}
