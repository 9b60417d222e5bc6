import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { cliFault } from './faults.ts'
import type { CliContext } from './types.ts'

const MAX_TOKEN_BYTES = 16 * 1024

/**
 * Reads a token from a file, or from stdin for `-`. Its text appears in no error.
 * @throws CliFault usage (the token itself in the place of a file), input_unreadable, input_invalid (empty, over 16 KiB, or not one line of visible ASCII)
 */
export async function readTokenFile(path: string, what: string, context: CliContext): Promise<string> {
  if (looksLikeToken(path)) {
    // T29: it is in the shell's history and in the list of processes already; at least no log gets it from here.
    throw cliFault('usage', `${what} is given on the command line`, {
      fix: 'give a file or - for stdin; treat this token as exposed',
    })
  }
  const bytes = path === '-' ? await readStdin(context, what) : await readBytes(resolve(context.cwd, path), what)
  const where = path === '-' ? 'stdin' : path
  if (bytes.length > MAX_TOKEN_BYTES) {
    throw cliFault('input_invalid', `${what} in ${where} is larger than 16 KiB`, { fix: 'give a file with one token' })
  }
  const token = bytes.toString('utf8').trim()
  if (token === '')
    throw cliFault('input_invalid', `${what} in ${where} is empty`, { fix: 'give a file with one token' })
  // A line break or a control character in it could add headers to the request (RFC 9110 section 5.5).
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw cliFault('input_invalid', `${what} in ${where} is not one line of visible ASCII`, {
      fix: 'give a file with one token and nothing else',
    })
  }
  return token
}

function looksLikeToken(path: string): boolean {
  return /^[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*$/.test(path) || path.length > 1024
}

async function readBytes(path: string, what: string): Promise<Buffer> {
  return await readFile(path).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw cliFault('input_unreadable', `${what}: ${path} cannot be read (${code})`)
  })
}

async function readStdin(context: CliContext, what: string): Promise<Buffer> {
  if (context.stdin.isTTY) {
    // What is typed at a prompt would be echoed.
    throw cliFault('usage', `${what} would be read from the terminal`, { fix: 'pipe it in, or name a file' })
  }
  return await readAll(context.stdin, MAX_TOKEN_BYTES)
}

/** Everything of a stream, up to one byte more than allowed. */
export async function readAll(stream: AsyncIterable<Uint8Array | string>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk)
    chunks.push(bytes)
    size += bytes.length
    if (size > maxBytes) break
  }
  return Buffer.concat(chunks)
}
