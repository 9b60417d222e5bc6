import { z } from 'zod'
import type { ResourceKind } from './types.ts'

/** The grammar of names of resources and environments: a DNS label. Names are compared byte for byte, never folded (T34). */
export const NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The schema of a name; see {@link NAME_PATTERN}. */
export const nameSchema = z.string().regex(NAME_PATTERN, {
  error: 'a name is 1 to 63 characters of a-z, 0-9 and -, and begins and ends with a letter or digit',
})

/** The schema of `owner`: a team or a person by name. */
export const ownerSchema = z.string().regex(/^(?:team|person):[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: 'an owner is `team:NAME` or `person:NAME`',
})

/** The schema of a calendar date, `2027-05-01`. */
export const dateSchema = z.iso.date({ error: 'a date is written YYYY-MM-DD and exists in the calendar' })

/** A line of text for people: no control characters, and never only white space. */
export function lineSchema(maxLength: number) {
  return z
    .string()
    .min(1, { error: 'must not be empty' })
    .max(maxLength, { error: `at most ${maxLength} characters` })
    .regex(/^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u, {
      error: 'one line, without control or direction characters',
    })
    .regex(/\S/, { error: 'must not be blank' })
}

const labelsSchema = z
  .record(
    z.string().regex(/^[a-z0-9](?:[a-z0-9./_-]{0,126}[a-z0-9])?$/, {
      error: 'a label name is 1 to 128 characters of a-z, 0-9, . / _ -',
    }),
    lineSchema(256),
  )
  .refine((labels) => Object.keys(labels).length <= 32, { error: 'at most 32 labels' })

const MEMBERS = {
  owner: ownerSchema.describe('Who answers for it: team:NAME or person:NAME'),
  purpose: lineSchema(500).describe('Why it exists, in one sentence'),
  environment: nameSchema.describe('production, staging, ...'),
  reviewBy: dateSchema.describe('When somebody looks at it again, YYYY-MM-DD'),
} as const

/** The strict schema of `metadata` for one kind: what the kind requires is required, the rest optional. */
export function metadataSchema(kind: Pick<ResourceKind, 'requiredMetadata'>) {
  const member = (name: keyof typeof MEMBERS) =>
    kind.requiredMetadata.includes(name) ? MEMBERS[name] : MEMBERS[name].exactOptional()
  return z.strictObject({
    name: nameSchema.describe('Unique among resources of the kind'),
    owner: member('owner'),
    purpose: member('purpose'),
    environment: member('environment'),
    reviewBy: member('reviewBy'),
    labels: labelsSchema.exactOptional().describe('Free names and values; countersign.dev/ is reserved'),
  })
}
