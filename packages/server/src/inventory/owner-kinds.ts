import { z } from 'zod'
import { lineSchema, nameSchema, type ResourceKind } from '../resources/index.ts'

const contactSchema = lineSchema(254).regex(/^[^\s@]+@[^\s@]+$/, { error: 'an e-mail address' })

/** The spec of a Team document. */
export type TeamSpec = { readonly contact?: string; readonly members: readonly string[] }

/** Who answers for resources. Owners are named as `team:NAME`. */
export const teamKind: ResourceKind<TeamSpec> = {
  kind: 'Team',
  plural: 'teams',
  idPrefix: 'team',
  spec: z.strictObject({
    contact: contactSchema.exactOptional().describe('Where findings about what it owns are sent'),
    members: z.array(nameSchema).max(1000).default([]).describe('Names of Person documents'),
  }),
  hasTests: false,
  requiredMetadata: [],
  summary: 'A team that owns resources.',
}

/** The spec of a Person document. */
export type PersonSpec = { readonly email: string; readonly displayName?: string }

/** A person who answers for resources. Owners are named as `person:NAME`. */
export const personKind: ResourceKind<PersonSpec> = {
  kind: 'Person',
  plural: 'people',
  idPrefix: 'per',
  spec: z.strictObject({
    email: contactSchema,
    displayName: lineSchema(120).exactOptional(),
  }),
  hasTests: false,
  requiredMetadata: [],
  summary: 'A person who owns resources.',
}
