import { Buffer } from 'node:buffer'
import { canonicalJson } from '../lib/index.ts'
import { parseCanonicalObject } from './encode.ts'

/** The first line of an export: which log, from which leaf on, up to which size, and the keys that its checkpoints are signed with. */
export interface ExportHeader {
  readonly origin: string
  readonly from: number
  readonly size: number
  readonly verifierKeys: readonly string[]
}

/** One leaf: its index, the exact text of the entry (null when the store has lost it) and the leaf hash as the store has it. */
export interface ExportedEntry {
  readonly index: number
  readonly entry: string | null
  readonly leafHash: Uint8Array
}

/** A line of an export, read. */
export type ExportLine =
  | { readonly type: 'header'; readonly header: ExportHeader }
  | { readonly type: 'entry'; readonly entry: ExportedEntry }
  | { readonly type: 'checkpoint'; readonly note: string }

/** The most characters of a line: an entry of 8 KiB or a note of 64 KiB, each as an escaped JSON string. */
export const MAX_LINE_CHARACTERS = 262_144

const FORMAT = 'countersign-audit-export'
const VERSION = 1

/** Writes the header line; none of these functions adds the newline. Every line is canonical JSON: a changed byte is never only a matter of style. */
export function formatHeaderLine(header: ExportHeader): string {
  const { origin, from, size, verifierKeys } = header
  return canonicalJson({ format: FORMAT, from, origin, size, verifier_keys: verifierKeys, version: VERSION })
}

/** Writes an entry line. */
export function formatEntryLine({ index, entry, leafHash }: ExportedEntry): string {
  return canonicalJson({ entry, index, leaf_hash: Buffer.from(leafHash).toString('base64') })
}

/** Writes a checkpoint line; the note is carried verbatim. */
export function formatCheckpointLine(note: string): string {
  return canonicalJson({ checkpoint: note })
}

/** Reads a line of an export. @returns undefined when it is not exactly what the functions above write. */
export function parseExportLine(line: string): ExportLine | undefined {
  if (line.length > MAX_LINE_CHARACTERS) return undefined
  const value = parseCanonicalObject(line)
  if (value === undefined) return undefined
  if (typeof value.checkpoint === 'string' && Object.keys(value).length === 1) {
    return { type: 'checkpoint', note: value.checkpoint }
  }
  if ('leaf_hash' in value) {
    const { entry, index, leaf_hash: text } = value
    if (Object.keys(value).length !== 3 || !isCount(index) || typeof text !== 'string') return undefined
    if (entry !== null && typeof entry !== 'string') return undefined
    const leafHash = Buffer.from(text, 'base64')
    if (leafHash.toString('base64') !== text) return undefined
    return { type: 'entry', entry: { index, entry, leafHash } }
  }
  const { format, from, origin, size, verifier_keys: keys, version } = value
  if (Object.keys(value).length !== 6 || format !== FORMAT || version !== VERSION) return undefined
  if (!isCount(from) || !isCount(size) || typeof origin !== 'string' || !Array.isArray(keys)) return undefined
  const verifierKeys = keys.filter((key): key is string => typeof key === 'string')
  if (verifierKeys.length !== keys.length) return undefined
  return { type: 'header', header: { origin, from, size, verifierKeys } }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
