import { z } from 'zod'
import { parseDurationMs } from '../lib/index.ts'
import type { ResourceKind } from '../resources/index.ts'
import { parseCidr } from './cidr.ts'
import { MAX_GLOB_LENGTH, parseGlob } from './glob.ts'
import { DAYS, isTimeZone, parseMinuteOfDay } from './time-window.ts'

const text = z.string().min(1).max(MAX_GLOB_LENGTH)
const scalar = z.union([text, z.number(), z.boolean()])
const oneType = (values: readonly unknown[]) => values.every((value) => typeof value === typeof values[0])
const scalars = z
  .array(scalar)
  .min(1)
  .max(256)
  .refine(oneType, 'the values must all be text, all numbers or all booleans; quote ids: "456789"')

const glob = text.superRefine((pattern, context) => {
  const parsed = parseGlob(pattern)
  if ('fault' in parsed) context.addIssue({ code: 'custom', message: parsed.fault })
})

const cidrs = z
  .array(
    z
      .string()
      .refine((range) => parseCidr(range) !== undefined, 'not an address range such as 192.0.2.0/24 or 2001:db8::/32'),
  )
  .min(1)
  .max(64)

const duration = (longest: string, shortest = '1s') =>
  z.string().refine((value) => {
    const length = parseDurationMs(value)
    return (
      length !== undefined &&
      length % 1000 === 0 &&
      length >= (parseDurationMs(shortest) ?? 0) &&
      length <= (parseDurationMs(longest) ?? 0)
    )
  }, `not a duration between ${shortest} and ${longest}, such as 15m`)

const minuteOfDay = z
  .string()
  .refine((value) => parseMinuteOfDay(value) !== undefined, 'not a time of day such as 08:00 (24:00 ends a day)')

const operators = z
  .strictObject({
    eq: scalar.optional(),
    in: scalars.optional(),
    notIn: scalars.optional(),
    glob: glob.optional(),
    exists: z.boolean().optional(),
    lt: z.number().optional(),
    gt: z.number().optional(),
    cidr: cidrs.optional(),
  })
  .refine((value) => Object.keys(value).length > 0, 'names no operator')

// A claim's name is bounded ASCII. `__proto__` is no name: zod would drop the condition silently, see `compile.ts`.
const claimName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$/, 'not a claim name')

// RFC 6749 section 3.3: scope-token.
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'not a scope (RFC 6749 section 3.3)')
const resourceName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'not a resource name')
const distinct = (values: readonly unknown[]) => new Set(values).size === values.length

const timeWindow = z
  .strictObject({
    days: z.array(z.enum(DAYS)).min(1).refine(distinct, 'a day is named twice'),
    from: minuteOfDay,
    to: minuteOfDay,
    timeZone: z.string().refine(isTimeZone, 'not an IANA time zone such as Europe/Vienna or UTC'),
  })
  .refine(
    ({ from, to }) => (parseMinuteOfDay(from) ?? 0) < (parseMinuteOfDay(to) ?? 0),
    '`from` must be before `to`; a window over midnight is two policies',
  )

const instant = z
  .string()
  .refine((value) => parseExpiry(value) !== undefined, 'not a date (2027-05-01) or an instant (2027-05-01T00:00:00Z)')

/**
 * Parses `expires`: a date means the start of that day in UTC, so that a policy never lives longer than a reader may think.
 * @returns undefined when the text is neither a real date nor an RFC 3339 instant.
 */
export function parseExpiry(value: string): Date | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2}))?$/.exec(value)
  if (!match) return undefined
  const day = new Date(`${match[1]}T00:00:00Z`)
  // Date takes 2027-02-31 for March.
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== match[1]) return undefined
  const parsed = match[2] === undefined ? day : new Date(value)
  return Number.isNaN(parsed.getTime()) ? undefined : parsed
}

/** The strict shape of a policy's `spec` (design section 6): plain JSON in, the same plain JSON out. */
export const trustPolicySpec = z.strictObject({
  provider: resourceName,
  match: z
    .record(claimName, z.union([scalar, operators]))
    .refine((match) => Object.keys(match).length <= 64, 'more than 64 claims'),
  grant: z.strictObject({
    service: resourceName,
    scopes: z.array(scope).min(1).max(128).refine(distinct, 'a scope is named twice'),
    ttl: duration('1h').optional(),
  }),
  limits: z
    .strictObject({
      maxProofAge: duration('24h').optional(),
      maxUses: z.number().int().min(1).max(1000).optional(),
      usesPerMinute: z.number().int().min(1).max(6000).optional(),
      sourceAddresses: cidrs.optional(),
      timeWindow: timeWindow.optional(),
      senderConstraint: z
        .enum(['dpop', 'mtls', 'any'])
        .optional()
        .describe('Grants only tokens that are bound to a key (DPoP) or a client certificate (mTLS) of the caller'),
    })
    .optional(),
  expires: instant.optional(),
  mode: z.enum(['enforce', 'shadow']),
  crossEnvironment: z.boolean().optional(),
})

/** A policy's `spec` as a file or request carries it. */
export type TrustPolicySpec = z.infer<typeof trustPolicySpec>

const claimInput = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])
const claims = z.record(claimName, claimInput)
const request = z.strictObject({ scopes: z.array(scope).min(1).optional(), ttl: duration('1h').optional() }).optional()

/** The strict shape of a policy's `tests`. A change to null takes the claim away. */
export const policyTests = z
  .array(
    z.union([
      z.strictObject({ allow: claims, request }),
      z.strictObject({
        deny: z.union([z.strictObject({ change: z.record(claimName, z.union([claimInput, z.null()])) }), claims]),
        request,
      }),
    ]),
  )
  .max(256)

/** One case of a policy's `tests`. */
export type PolicyTest = z.infer<typeof policyTests>[number]

/** TrustPolicy: which proofs may get which grant. */
export const trustPolicyKind: ResourceKind<TrustPolicySpec> = {
  kind: 'TrustPolicy',
  plural: 'trust-policies',
  idPrefix: 'pol',
  spec: trustPolicySpec,
  hasTests: true,
  requiredMetadata: ['owner', 'purpose', 'environment', 'reviewBy'],
  summary: 'Which proofs of one trust provider may get which scopes of one service, and for how long.',
}
