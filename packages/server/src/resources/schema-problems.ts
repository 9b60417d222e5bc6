import type { z } from 'zod'
import type { JsonObject, JsonValue } from '../lib/index.ts'
import { knownMembers } from './document-schema.ts'
import { nearestName } from './nearest.ts'
import { pointerOf } from './pointer.ts'
import type { Problem } from './types.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** What a schema was applied to, for messages: the input, the kind's JSON Schema, the kind's name. */
export interface CheckedInput {
  readonly input: JsonValue
  readonly schema: JsonObject
  readonly kind: string
}

/**
 * The faults that a schema found, each with its JSON pointer and a way out; an unknown member is named with the member that was
 * probably meant. A kind's own check adds `params: { code, fix }` to its custom issue to say more than "see the schema".
 */
export function schemaProblems(issues: readonly Issue[], source: CheckedInput): readonly Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, [], source))
}

function isAbsent(input: JsonValue, path: Path): boolean {
  let at: JsonValue | undefined = input
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return true
    at = (at as { readonly [name: string]: JsonValue })[String(step)]
  }
  return at === undefined
}

function problemsOf(issue: Issue, parent: Path, source: CheckedInput): readonly Problem[] {
  const { input, schema, kind } = source
  const path = [...parent, ...issue.path]
  const pointer = pointerOf(path)
  const seeSchema = `see \`countersign schema ${kind}\``
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownMembers(schema, path)
      return issue.keys.map((key) => {
        const meant = nearestName(key, known)
        return {
          severity: 'error',
          code: 'unknown_member',
          pointer: pointerOf([...path, key]),
          detail: `there is no member \`${key.slice(0, 64)}\` here`,
          fix: meant
            ? `did you mean \`${meant}\`?`
            : known.length > 0
              ? `use one of: ${known.join(', ')}`
              : 'remove it',
        }
      })
    }
    case 'invalid_union': {
      const branch = likeliestBranch(issue.errors)
      if (branch) return branch.flatMap((inner) => problemsOf(inner, path, source))
      return [{ severity: 'error', code: 'invalid', pointer, detail: 'none of the allowed forms', fix: seeSchema }]
    }
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => problemsOf(inner, path, source))
    case 'custom':
      return [
        {
          severity: 'error',
          code: typeof issue.params?.code === 'string' ? issue.params.code : 'invalid',
          pointer,
          detail: issue.message,
          fix: typeof issue.params?.fix === 'string' ? issue.params.fix : seeSchema,
        },
      ]
    case 'invalid_type': {
      const missing = isAbsent(input, path)
      return [
        {
          severity: 'error',
          code: missing ? 'required' : 'wrong_type',
          pointer,
          detail: missing
            ? `\`${String(path.at(-1) ?? kind)}\` is missing`
            : issue.message.replace('Invalid input: ', ''),
          fix: missing ? `add it (${issue.expected}); ${seeSchema}` : seeSchema,
        },
      ]
    }
    default:
      return [
        {
          severity: 'error',
          code: 'invalid',
          pointer,
          detail: issue.message.replace('Invalid input: ', '').replace('Invalid option: ', ''),
          fix: seeSchema,
        },
      ]
  }
}

/** The union's branch that the author most likely meant: of the right type at the top, then with the fewest faults. */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const right = branches.filter(
    (branch) => !branch.some((issue) => issue.path.length === 0 && issue.code === 'invalid_type'),
  )
  return [...right].sort((left, other) => left.length - other.length)[0]
}
