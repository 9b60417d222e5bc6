import type { CST } from 'yaml'

type Report = (offset: number, code: string, detail: string, fix: string) => void

const FORBIDDEN: Readonly<Record<string, readonly [code: string, detail: string, fix: string]>> = {
  anchor: ['yaml_anchor', 'anchors are not allowed', 'write the value out at each place'],
  alias: ['yaml_alias', 'aliases are not allowed', 'write the value out at each place'],
  tag: ['yaml_tag', 'tags are not allowed', 'remove the tag; quote the value if text is meant'],
  directive: ['yaml_directive', 'directives are not allowed', 'remove the line'],
}

function isToken(value: unknown): value is CST.Token | CST.SourceToken {
  return typeof value === 'object' && value !== null && 'type' in value
}

/**
 * Reports each token that resource files do not allow and the first collection nested deeper than `maxDepth`; true when there
 * was one. Walks with its own stack, because it is what protects the recursive composer (and every alias from expanding).
 */
export function findForbiddenTokens(tokens: readonly CST.Token[], maxDepth: number, report: Report): boolean {
  const stack: { readonly value: unknown; readonly depth: number }[] = tokens.map((value) => ({ value, depth: 0 }))
  let found = false
  let tooDeep = false
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (Array.isArray(top.value)) {
      for (const value of top.value) stack.push({ value, depth: top.depth })
      continue
    }
    if (typeof top.value !== 'object' || top.value === null) continue
    let { depth } = top
    if (isToken(top.value)) {
      const refusal = FORBIDDEN[top.value.type]
      if (refusal && 'offset' in top.value) {
        found = true
        report(top.value.offset, ...refusal)
      }
      const { type } = top.value
      if (type === 'block-map' || type === 'block-seq' || type === 'flow-collection') {
        depth += 1
        if (depth > maxDepth) {
          if (!tooDeep) {
            report(top.value.offset, 'too_deep', `nested deeper than ${maxDepth} levels`, 'flatten the document')
          }
          found = true
          tooDeep = true
          continue
        }
      }
    }
    // Only members that hold tokens: collections hold items of { start, key, sep, value }.
    const holder = top.value as Readonly<Record<string, unknown>>
    for (const member of ['start', 'props', 'items', 'key', 'sep', 'value', 'end'] as const) {
      const value = holder[member]
      if (typeof value === 'object' && value !== null) stack.push({ value, depth })
    }
  }
  return found
}
