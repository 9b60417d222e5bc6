import { Composer, type CST, LineCounter, type ParsedNode, Parser } from 'yaml'
import type { JsonValue } from '../lib/index.ts'
import { convertNode } from './convert-node.ts'
import { MAX_DEPTH } from './plain-json.ts'
import { pointerPath, pointerTo } from './pointer.ts'
import { findForbiddenTokens } from './yaml-tokens.ts'

/** How large one resource file may be, in bytes of UTF-8. */
export const MAX_FILE_BYTES = 1024 * 1024

/** How many faults of one file are listed. */
const MAX_FAULTS = 100

/** A fault of a file: where exactly, what, and the way out. Lines and columns count from 1. */
export interface SourceFault {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly code: string
  readonly detail: string
  readonly fix: string
}

/** One document of a file as plain JSON, not yet checked against any kind, and where its members stand in the file. */
export interface SourceDocument {
  readonly value: JsonValue
  readonly file: string
  readonly line: number
  readonly column: number
  /** The place of the member that a JSON pointer names; of its nearest existing parent when it is absent. */
  locate(pointer: string): { readonly line: number; readonly column: number }
}

/** What a file holds. With any fault the documents are not to be used: all of a file or nothing. */
export interface ParsedFile {
  readonly documents: readonly SourceDocument[]
  readonly faults: readonly SourceFault[]
}

/**
 * Parses a resource file: YAML 1.2 (core schema), one or more documents, JSON included. Everything that makes YAML surprising is
 * refused instead of interpreted: anchors and aliases (expansion bombs), merge keys, tags, directives (`%YAML 1.1` would turn
 * `no` into false), duplicate keys, keys that are not text, and numbers that do not read back as they were written
 * (`0123`, `1e9`: an id that lost its quotes). At most 1 MiB and {@link MAX_DEPTH} levels. Every fault is reported at once.
 */
export function parseResourceFile(content: string | Uint8Array, file: string): ParsedFile {
  const lines = new LineCounter()
  const faults: SourceFault[] = []
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const report = (offset: number, code: string, detail: string, fix: string) => {
    if (faults.length < MAX_FAULTS) faults.push({ file, ...place(offset), code, detail, fix })
  }

  const text = decode(content)
  if (typeof text !== 'string') return { documents: [], faults: [{ file, line: 1, column: 1, ...text }] }

  const tokens: CST.Token[] = [...new Parser(lines.addNewLine).parse(text)]
  // Composing recurses: depth and forbidden syntax are found on the flat tokens first.
  if (findForbiddenTokens(tokens, MAX_DEPTH, report)) return { documents: [], faults: sorted(faults) }

  const composer = new Composer<ParsedNode>({
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    // The library compares each key with every other; convertNode finds duplicates with a set.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  })
  const documents: SourceDocument[] = []
  for (const parsed of composer.compose(tokens, true, text.length)) {
    for (const error of [...parsed.errors, ...parsed.warnings]) {
      report(error.pos[0], 'yaml_syntax', describeSyntax(error), 'correct the YAML at this place')
    }
    const root = parsed.contents as ParsedNode | null
    if (parsed.errors.length > 0 || root === null || isBlank(root)) continue
    const places = new Map<string, number>()
    const value = convertNode(root, '', places, report)
    documents.push({
      value,
      file,
      ...place(root.range[0]),
      locate: (pointer) => place(nearestPlace(places, pointer)),
    })
  }
  return { documents, faults: sorted(faults) }
}

function decode(content: string | Uint8Array): string | { code: string; detail: string; fix: string } {
  const size = typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength
  if (size > MAX_FILE_BYTES) {
    return {
      code: 'file_too_large',
      detail: `the file has ${size} bytes, above 1 MiB`,
      fix: 'split it into several files',
    }
  }
  if (typeof content === 'string') return content
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    return { code: 'not_utf8', detail: 'the file is not UTF-8 text', fix: 'save it as UTF-8' }
  }
}

/** The library's sentence, without the text that it found: what a file holds is not for logs. */
function describeSyntax(error: { code: string; message: string }): string {
  const code = error.code.toLowerCase().replaceAll('_', ' ')
  return /["'`]|: /.test(error.message) ? `not valid YAML (${code})` : error.message.slice(0, 200)
}

/** A document without content: what a trailing `---` or a file of comments leaves. */
function isBlank(node: ParsedNode): boolean {
  return node.range[0] === node.range[1] && 'value' in node && node.value === null
}

function nearestPlace(places: ReadonlyMap<string, number>, pointer: string): number {
  const path = [...pointerPath(pointer)]
  for (;;) {
    const offset = places.get(path.reduce(pointerTo, ''))
    if (offset !== undefined) return offset
    if (path.length === 0) return 0
    path.pop()
  }
}

function sorted(faults: readonly SourceFault[]): readonly SourceFault[] {
  return [...faults].sort((left, right) => left.line - right.line || left.column - right.column)
}
