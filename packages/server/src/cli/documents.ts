import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { JsonValue } from '../lib/index.ts'
import { cliFault, type FaultDetail } from './faults.ts'
import { readAll } from './token-file.ts'
import type { CliContext, Invocation } from './types.ts'
import { isObject, member, text } from './wire.ts'

const MAX_FILES = 10_000
const MAX_STDIN_BYTES = 1024 * 1024

/** A document as a file holds it, and where. */
export interface LocatedDocument {
  readonly value: JsonValue
  /** `KIND/NAME` as plans name it. */
  readonly label: string
  /** `file:line:column` of a member. */
  locate(pointer: string): string
}

/**
 * Reads the documents that `-f` names: files, directories with everything below, or stdin; all or nothing.
 * @throws CliFault usage, input_unreadable; input_invalid with every fault of every file at its line and column
 */
export async function readDocuments(invocation: Invocation): Promise<readonly LocatedDocument[]> {
  const { context } = invocation
  const named = invocation.options('file')
  if (named.length === 0) {
    throw cliFault('usage', `${invocation.command.path.join(' ')} needs -f`, {
      fix: 'name a file or a directory: -f policies/',
    })
  }
  const { parseResourceFile } = await context.modules.resources()
  const documents: LocatedDocument[] = []
  const faults: FaultDetail[] = []
  for (const source of await readSources(named, context)) {
    const parsed = parseResourceFile(source.content, source.name)
    for (const { file, line, column, code, detail, fix } of parsed.faults) {
      faults.push({ pointer: `${file}:${line}:${column}`, code, detail, fix })
    }
    for (const document of parsed.documents) {
      documents.push({
        value: document.value,
        label: labelOf(document.value),
        locate(pointer) {
          const { line, column } = document.locate(pointer)
          return `${document.file}:${line}:${column}`
        },
      })
    }
  }
  if (faults.length > 0) {
    throw cliFault('input_invalid', `${faults.length} fault${faults.length === 1 ? '' : 's'} in the files`, {
      fix: 'correct each place; nothing was sent',
      problems: faults,
    })
  }
  if (documents.length === 0) {
    throw cliFault('input_invalid', 'the files hold no document', { fix: 'name files with resources' })
  }
  return documents
}

/** Exactly one document. @throws CliFault also usage when there are more */
export async function readDocument(invocation: Invocation): Promise<LocatedDocument> {
  const [first, ...others] = await readDocuments(invocation)
  if (!first || others.length > 0) {
    throw cliFault('usage', `${invocation.command.path.join(' ')} takes one document`, {
      fix: 'use `countersign apply -f` for several',
    })
  }
  return first
}

function labelOf(value: JsonValue): string {
  const kind = text(member(value, 'kind')) ?? '?'
  const metadata = member(value, 'metadata')
  return `${kind}/${isObject(metadata) ? (text(metadata['name']) ?? '?') : '?'}`
}

interface Source {
  readonly name: string
  readonly content: Uint8Array
}

async function readSources(named: readonly string[], context: CliContext): Promise<readonly Source[]> {
  const sources: Source[] = []
  for (const name of named) {
    if (name === '-') {
      if (context.stdin.isTTY)
        throw cliFault('usage', '-f - would read from the terminal', { fix: 'pipe the documents in' })
      sources.push({ name: 'stdin', content: await readAll(context.stdin, MAX_STDIN_BYTES) })
      continue
    }
    for (const path of await findFiles(resolve(context.cwd, name), name)) {
      const shown = relative(context.cwd, path)
      sources.push({
        name: shown.startsWith('..') ? path : shown,
        content: await readFile(path).catch(unreadable(path)),
      })
    }
  }
  return sources
}

async function findFiles(path: string, name: string): Promise<readonly string[]> {
  const found = await stat(path).catch(unreadable(name))
  if (!found.isDirectory()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(unreadable(name))
  const files = entries
    .filter((entry) => entry.isFile() && /\.(yaml|yml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    // Editors and version control keep copies in hidden places.
    .filter(
      (file) =>
        !relative(path, file)
          .split(/[\\/]/)
          .some((part) => part.startsWith('.')),
    )
    .sort()
  if (files.length > MAX_FILES) throw cliFault('input_invalid', `${name} holds more than ${MAX_FILES} files`)
  if (files.length === 0) {
    throw cliFault('input_unreadable', `${name} holds no .yaml, .yml or .json file`, {
      fix: 'name the directory of the resources',
    })
  }
  return files
}

function unreadable(name: string): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw cliFault('input_unreadable', `${name} cannot be read (${code})`)
  }
}
