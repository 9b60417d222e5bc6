import { z } from 'zod'

/** Path parameters of a verifier: random, one per process and service, so that no two verifiers share a lease. */
export const instanceParams: z.ZodObject<{ instance: z.ZodString }> = z.strictObject({
  instance: z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,64}$/)
    .meta({ description: 'random name of the verifying process' }),
})
