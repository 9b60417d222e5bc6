/** Examples in other languages: built once in a temporary directory, with what the tests ask of a library that is not of this process. */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { ROOT } from '../../support/documentation.ts'
import type { TokenMaker } from './odd-tokens.ts'
import type { BareVerifier } from './suite.ts'

/** Why the test of a language cannot run here, or undefined. */
export function reasonToSkip(programs: readonly (readonly [string, string])[]): string | undefined {
  if (process.env['COUNTERSIGN_TEST_CLIENTS'] !== '1') {
    return 'builds a project of another language: set COUNTERSIGN_TEST_CLIENTS=1 to run it'
  }
  const missing = programs.filter(([program, flag]) => spawnSync(program, [flag]).status !== 0)
  return missing.length > 0 ? `not installed: ${missing.map(([program]) => program).join(', ')}` : undefined
}

/** A temporary directory that is removed after the tests of this file. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cs-client-build-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Copies examples/verify-with-LIBRARY, and over it test/clients/bare/LIBRARY where that is asked for. */
export function copyProject(library: string, to: string, overlay?: { readonly into: string }): void {
  cpSync(join(ROOT, 'examples', `verify-with-${library}`), to, { recursive: true })
  if (overlay) cpSync(join(ROOT, 'test/clients/bare', library), join(to, overlay.into), { recursive: true })
}

/** Runs a build to its end. @throws Error with its output when it fails. */
export async function build(cwd: string, program: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [code, ...printed] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${printed.join('\n')}`)
}

/** A verifier that is a program: one token on each line of its input, `true` or `false` on each of its output. */
export function programVerifier(
  { issuer, audience }: TokenMaker,
  program: string,
  ...args: readonly string[]
): BareVerifier {
  return async (tokens) => {
    const { PATH = '', HOME = '' } = process.env
    const child = spawn(program, args, {
      env: { PATH, HOME, ISSUER: issuer, AUDIENCE: audience },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.end(tokens.map((token) => `${token}\n`).join(''))
    const lines = (await text(child.stdout)).trim().split('\n')
    if (lines.length !== tokens.length) throw new Error(`${program} said ${lines.length} times of ${tokens.length}`)
    return lines.map((line) => line === 'true')
  }
}
