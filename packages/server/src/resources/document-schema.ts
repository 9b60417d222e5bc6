import { z } from 'zod'
import type { JsonObject } from '../lib/index.ts'
import { metadataSchema } from './metadata.ts'
import type { ResourceKind } from './types.ts'

/** The one version of resource documents. */
export const API_VERSION = 'countersign/v1'

function build(kind: ResourceKind) {
  const envelope = {
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind.kind),
    metadata: metadataSchema(kind),
    spec: kind.spec,
  }
  if (!kind.hasTests) return z.strictObject(envelope)
  return z.strictObject({
    ...envelope,
    tests: z
      .array(z.record(z.string(), z.unknown()))
      .max(200)
      .exactOptional()
      .describe('Cases it must answer as stated'),
  })
}

const schemas = new WeakMap<ResourceKind, ReturnType<typeof build>>()
const jsonSchemas = new WeakMap<ResourceKind, JsonObject>()

/** The strict schema of a whole document of a kind: envelope, metadata, spec and tests; nothing else is accepted. */
export function documentSchema(kind: ResourceKind): ReturnType<typeof build> {
  const known = schemas.get(kind)
  if (known) return known
  const schema = build(kind)
  schemas.set(kind, schema)
  return schema
}

/** The JSON Schema (2020-12) of documents of a kind, as files are written: for `countersign schema` and for editors. */
export function jsonSchemaFor(kind: ResourceKind): JsonObject {
  const known = jsonSchemas.get(kind)
  if (known) return known
  const { $schema, ...rest } = z.toJSONSchema(documentSchema(kind), { io: 'input', unrepresentable: 'any' })
  const schema = JSON.parse(
    JSON.stringify({
      $schema,
      $id: `https://countersign.dev/schemas/v1/${kind.plural}.json`,
      title: kind.kind,
      description: kind.summary,
      ...rest,
    }),
  ) as JsonObject
  jsonSchemas.set(kind, schema)
  return schema
}

function isSchema(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member names that a JSON Schema knows at a path, over all branches of its unions; for "did you mean". */
export function knownMembers(schema: JsonObject, path: readonly PropertyKey[]): readonly string[] {
  let branches: readonly JsonObject[] = flatten(schema)
  for (const step of path) {
    branches = branches.flatMap((branch) => {
      const properties = isSchema(branch.properties) ? branch.properties[String(step)] : undefined
      const next = typeof step === 'number' ? branch.items : (properties ?? branch.additionalProperties)
      return isSchema(next) ? flatten(next) : []
    })
  }
  return [...new Set(branches.flatMap((branch) => (isSchema(branch.properties) ? Object.keys(branch.properties) : [])))]
}

function flatten(schema: JsonObject): readonly JsonObject[] {
  const inner = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) => (Array.isArray(list) ? list : []))
  return [schema, ...inner.filter(isSchema).flatMap(flatten)]
}
