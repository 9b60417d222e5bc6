import { z } from 'zod'
import type { SigningKey, UseCounts } from '../../../signing-keys/index.ts'
import { instant } from '../schemas.ts'

const INSTANTS = [
  ...['createdAt', 'publishedAt', 'activeAt', 'retiredAt', 'removedAt', 'destroyedAt', 'revokedAt', 'activateAt'],
] as readonly (keyof SigningKey & `${string}At`)[]

/** Path parameters of one signing key: an RFC 7638 thumbprint, which may begin with any character of base64url. */
export const signingKeyParams: z.ZodObject<{ id: z.ZodString }> = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .meta({ description: 'kid' }),
})

/** A signing key on the wire: its public facts. No private half, not even a sealed one (G-08). */
export const signingKeyWire: z.ZodType = z
  .object({
    kid: z.string(),
    purpose: z.string(),
    alg: z.string(),
    state: z.string(),
    created_at: instant,
    published_at: instant.nullable(),
    active_at: instant.nullable(),
    retired_at: instant.nullable(),
    removed_at: instant.nullable(),
    destroyed_at: instant.nullable(),
    revoked_at: instant.nullable(),
    activate_at: instant.nullable().meta({ description: 'when a published key is to sign by command' }),
  })
  .meta({ id: 'SigningKey' })

/** The wire form of a signing key. */
export function toSigningKeyWire(key: SigningKey): Readonly<Record<string, unknown>> {
  return {
    kid: key.kid,
    purpose: key.purpose,
    alg: key.alg,
    state: key.state,
    ...Object.fromEntries(
      INSTANTS.map((name) => [name.replace('At', '_at'), (key[name] as Date | undefined)?.toISOString() ?? null]),
    ),
  }
}

/** Counts of issuances on the wire, as members of a larger object. */
export const countMembers = {
  issuances: z.number().int(),
  signed: z.number().int(),
  unsigned: z.number().int(),
  pending: z.number().int(),
} as const

/** The wire form of counts. */
export function toCountsWire({ issuances, signed, unsigned, pending }: UseCounts): UseCounts {
  return { issuances, signed, unsigned, pending }
}
