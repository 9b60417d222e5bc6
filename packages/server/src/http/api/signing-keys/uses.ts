import { z } from 'zod'
import { ServiceError } from '../../../errors.ts'
import type { KeyUses } from '../../../signing-keys/index.ts'
import type { ApiDependencies } from '../dependencies.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { instant } from '../schemas.ts'
import { countMembers, signingKeyParams, toCountsWire } from './wire.ts'

const DAY_MS = 86_400_000

const query = z.strictObject({
  from: instant.optional().meta({ description: 'default: a day before `to`' }),
  to: instant.optional().meta({ description: 'exclusive; default: now. At most 31 days after `from`' }),
})

const usesWire = z
  .object({
    from: instant,
    to: instant,
    ...countMembers,
    reconciled: z
      .boolean()
      .meta({ description: 'every issuance is signed or marked unsigned, and the sums are equal' }),
    keys: z.array(
      z.object({
        kid: z.string(),
        ...countMembers,
        by_policy: z.array(z.object({ policy_id: z.string(), ...countMembers })),
        by_hour: z.array(z.object({ hour: instant, ...countMembers })),
      }),
    ),
  })
  .meta({ id: 'SigningKeyUses' })

const description = 'Issuances by key, policy and hour: signed and confirmed, marked unsigned, or not confirmed yet'

/** `GET /v1/signing-keys/uses`: what every key was used for (G-06). */
export const countSigningKeyUses: Operation = defineOperation({
  id: 'countSigningKeyUses',
  method: 'GET',
  path: '/v1/signing-keys/uses',
  scope: 'signing-keys:read',
  summary: 'Account for the uses of signing keys',
  query,
  replies: { 200: { description, schema: usesWire } },
  errors: [],
  handle: async (input, deps) => ({ status: 200, body: await count(input.query, deps, undefined) }),
})

/** `GET /v1/signing-keys/{id}/uses`: the same for one key. */
export const countUsesOfSigningKey: Operation = defineOperation({
  id: 'countUsesOfSigningKey',
  method: 'GET',
  path: '/v1/signing-keys/{id}/uses',
  scope: 'signing-keys:read',
  summary: 'Account for the uses of a signing key',
  masked: true,
  params: signingKeyParams,
  query,
  replies: { 200: { description, schema: usesWire } },
  errors: ['not_found'],
  async handle(input, deps) {
    const { id } = input.params
    if (!(await deps.listSigningKeys()).some(({ kid }) => kid === id)) throw new ServiceError('not_found')
    return { status: 200, body: await count(input.query, deps, id) }
  },
})

async function count(range: z.output<typeof query>, deps: ApiDependencies, kid: string | undefined) {
  const to = range.to === undefined ? deps.now() : new Date(range.to)
  const from = range.from === undefined ? new Date(to.getTime() - DAY_MS) : new Date(range.from)
  return toUsesWire(await deps.countSigningKeyUses({ from, to, ...(kid === undefined ? {} : { kid }) }))
}

function toUsesWire(uses: KeyUses): Readonly<Record<string, unknown>> {
  return {
    from: uses.from.toISOString(),
    to: uses.to.toISOString(),
    ...toCountsWire(uses),
    reconciled: uses.reconciled,
    keys: uses.keys.map((key) => ({
      kid: key.kid,
      ...toCountsWire(key),
      by_policy: key.byPolicy.map((each) => ({ policy_id: each.policyId, ...toCountsWire(each) })),
      by_hour: key.byHour.map((each) => ({ hour: each.hour.toISOString(), ...toCountsWire(each) })),
    })),
  }
}
