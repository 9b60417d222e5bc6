import { isMap, isScalar, isSeq, type ParsedNode } from 'yaml'
import type { JsonValue } from '../lib/index.ts'
import { pointerTo } from './pointer.ts'

type Report = (offset: number, code: string, detail: string, fix: string) => void

/**
 * Turns a composed YAML node into plain JSON and notes where each member stands. Reports what has no single meaning as JSON;
 * the value returned then only keeps the walk going. Depth is bounded by the caller.
 */
export function convertNode(
  node: ParsedNode | null,
  pointer: string,
  places: Map<string, number>,
  report: Report,
): JsonValue {
  if (node === null) return null
  if (!places.has(pointer)) places.set(pointer, node.range[0])
  if (isSeq<ParsedNode>(node)) {
    return node.items.map((item, index) => convertNode(item, pointerTo(pointer, index), places, report))
  }
  if (isMap<ParsedNode, ParsedNode | null>(node)) {
    const members = new Map<string, JsonValue>()
    for (const { key, value } of node.items) {
      const name = keyName(key, report)
      if (name === undefined) continue
      if (members.has(name)) {
        report(key.range[0], 'duplicate_key', 'the key occurs twice in the same mapping', 'keep one of the two')
        continue
      }
      const at = pointerTo(pointer, name)
      places.set(at, key.range[0])
      members.set(name, convertNode(value, at, places, report))
    }
    return Object.fromEntries(members)
  }
  return isScalar(node) ? scalarValue(node, report) : null
}

function keyName(key: ParsedNode, report: Report): string | undefined {
  if (!isScalar(key) || typeof key.value !== 'string') {
    report(key?.range[0] ?? 0, 'key_not_text', 'the key is not text', 'put the key in quotes')
    return undefined
  }
  if (key.value === '<<' || key.value === '__proto__') {
    report(key.range[0], 'forbidden_key', 'this key is not allowed', 'write the members out')
    return undefined
  }
  return key.value
}

function scalarValue(node: ParsedNode & { value?: unknown; source?: string }, report: Report): JsonValue {
  const { value } = node
  if (typeof value === 'string') {
    if (value.isWellFormed() && !value.includes('\u0000')) return value
    report(node.range[0], 'bad_text', 'the text holds a character that cannot be stored', 'remove it')
    return ''
  }
  if (value === null || typeof value === 'boolean') return value
  // `0123`, `1e9`, `0x1f`, `1.0`, twenty digits: what the author sees is not the number that YAML reads.
  if (typeof value === 'number' && Number.isFinite(value) && node.source === String(value)) return value
  report(
    node.range[0],
    'ambiguous_number',
    'the number does not read back as it is written',
    'put it in quotes if it is text, or write a plain decimal number',
  )
  return 0
}
