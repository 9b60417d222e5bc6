import type { JsonValue } from '../lib/index.ts'
import { type Problem, type ResourceDocument, schemaProblems } from '../resources/index.ts'
import { type PolicyTest, policyTests } from './schema.ts'

/** Parses the `tests` of a document; pointers start at the document. A document without `tests` has none. */
export function parsePolicyTests(
  document: ResourceDocument<unknown>,
): { readonly tests: readonly PolicyTest[] } | { readonly problems: readonly Problem[] } {
  const input = document.tests ?? []
  const parsed = policyTests.safeParse(input)
  if (parsed.success) return { tests: parsed.data }
  const found = schemaProblems(parsed.error.issues, { input: input as JsonValue, schema: {}, kind: document.kind })
  return { problems: found.map((problem) => ({ ...problem, pointer: `/tests${problem.pointer}` })) }
}
