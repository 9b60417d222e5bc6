/** The part of JSON Schema that the generated pages read. */
export interface JsonSchema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

/** One member of a schema, by its path from the root. */
export interface Member {
  readonly path: readonly string[]
  readonly schema: JsonSchema
  readonly required: boolean
  /** The optional member that it lies in, if there is one: it is required only where that is given. */
  readonly within?: string
}

/** The leaves of a schema in their order: members that are objects with named members are walked into, not listed. */
export function leavesOf(schema: JsonSchema, path: readonly string[] = [], within?: string): Member[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const here = [...path, name]
    const required = schema.required?.includes(name) ?? false
    if (child.properties) return leavesOf(child, here, required ? within : here.join('.'))
    return [{ path: here, schema: child, required, ...(within === undefined ? {} : { within }) }]
  })
}

/** A schema's type in words that fit a table cell. */
export function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return String(schema.const)
  if (schema.enum) return schema.enum.map(String).join(', ')
  if (schema.anyOf) return eitherOf(schema.anyOf.map(typeOf))
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'values'}`
  if (schema.type === 'object' && schema.properties) return `{ ${Object.keys(schema.properties).join(', ')} }`
  if (schema.type === 'object') return typeof schema.additionalProperties === 'object' ? mapOf(schema) : 'object'
  if (schema.type === 'integer') return `whole number${rangeOf(schema)}`
  if (schema.type === 'string') return isDuration(schema.default) ? 'duration' : 'text'
  return schema.type ?? 'any'
}

/** A list that may also be written as one text is a list: the other form is for environment variables. */
function eitherOf(types: readonly string[]): string {
  const lists = types.filter((type) => types.includes(`list of ${type}`))
  return [...new Set(types)].filter((type) => !lists.includes(type)).join(' or ')
}

function isDuration(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9]+(ms|s|m|h|d)$/.test(value)
}

function mapOf({ additionalProperties }: JsonSchema): string {
  return typeof additionalProperties === 'object' ? `map of name to ${typeOf(additionalProperties)}` : 'map'
}

function rangeOf({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1)
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`
  return least === undefined ? '' : `, at least ${least}`
}
