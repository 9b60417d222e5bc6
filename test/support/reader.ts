/**
 * Somebody who follows a page: writes the files that it shows, pastes its commands one by one, and fills in HASH and EVENT_ID from
 * what was printed before. Names of the outside world are replaced by addresses on loopback, as the page tells its readers to.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { type Block, ROOT } from './documentation.ts'

/** What a pasted script printed and how it ended. */
export interface ScriptEnd {
  readonly exit: number | null
  readonly output: string
}

/** Where the reader works and what stands for the outside world. */
export interface ReaderOptions {
  readonly directory: string
  readonly replace: (text: string) => string
}

/** The reader of a page. */
export interface Reader {
  /** Writes the content of a block to the file that it names. */
  write(block: Block): void
  /** Makes the change of a `diff` block to a file. */
  edit(file: string, block: Block): void
  /** Pastes the lines of a block; each must end as its comment `# exit N` says, else with 0. Returns what was printed. */
  paste(block: Block): Promise<string>
  /** Runs a script of a workflow or a container with the variables of its platform. */
  runScript(script: string, env: Readonly<Record<string, string>>): Promise<ScriptEnd>
}

const CLI = join(ROOT, 'packages/server/src/cli/main.ts')

/** A reader with `countersign`, `curl` and `jq` on the path. */
export function createReader({ directory, replace }: ReaderOptions): Reader {
  const bin = join(directory, '.bin')
  mkdirSync(bin, { recursive: true })
  writeCommand(bin, 'countersign', `exec '${process.execPath}' --conditions=source '${CLI}' "$@"`)
  // What the pages take for granted on a runner or in an image, this machine may not have.
  const node = `exec '${process.execPath}'`
  if (!isInstalled('curl')) writeCommand(bin, 'curl', `${node} '${join(import.meta.dirname, 'stand-in-curl.ts')}' "$@"`)
  if (!isInstalled('jq')) writeCommand(bin, 'jq', `${node} '${join(import.meta.dirname, 'stand-in-jq.ts')}' "$@"`)
  const exported: Record<string, string> = {}
  const seen: { hash?: string; event?: string } = {}

  /** Lists show the newest event first; a plan ends with its hash. */
  function remember(output: string): void {
    const hash = [...output.matchAll(/--allow-widening ([0-9a-f]{32})/g)].at(-1)?.[1]
    const event = /evt_[0-9a-z]{26}/.exec(output)?.[0]
    if (hash !== undefined) seen.hash = hash
    if (event !== undefined) seen.event = event
  }

  function run(script: string, env: Readonly<Record<string, string>>): Promise<ScriptEnd> {
    const child = spawn('bash', ['-eo', 'pipefail', '-c', script], {
      cwd: directory,
      env: { HOME: directory, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
      })
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exit) => resolve({ exit, output }))
    })
  }

  function fillIn(line: string): string {
    const missing = () => assert.fail(`nothing was printed before that could stand in: ${line}`)
    return line.replace(/\bHASH\b/, () => seen.hash ?? missing()).replace(/\bEVENT_ID\b/, () => seen.event ?? missing())
  }

  return {
    write({ title = '', text }) {
      mkdirSync(dirname(join(directory, title)), { recursive: true })
      writeFileSync(join(directory, title), replace(text))
    },
    edit(file, { text }) {
      const [before = '', after = ''] = ['-', '+'].map((sign) => /^.(.*)$/m.exec(text.slice(text.indexOf(sign)))?.[1])
      const content = readFileSync(join(directory, file), 'utf8')
      assert.ok(before !== '' && content.includes(before), `${file} has no line "${before}"`)
      writeFileSync(join(directory, file), content.replace(before, after))
    },
    async paste({ text, line: number, section }) {
      let all = ''
      for (const line of text.split('\n').filter((row) => row.trim() !== '')) {
        const assignment = /^export ([A-Z_]+)=(\S+)$/.exec(line)
        if (assignment) {
          exported[assignment[1] ?? ''] = assignment[2] ?? ''
          continue
        }
        const expected = Number(/# exit (\d+)/.exec(line)?.[1] ?? 0)
        const { exit, output } = await run(replace(fillIn(line)), exported)
        assert.equal(exit, expected, `"${section}", block at line ${number}: ${line}\n${output}`)
        remember(output)
        all += output
      }
      return all
    },
    runScript: (script, env) => run(replace(script), env),
  }
}

function isInstalled(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, name)))
}

function writeCommand(directory: string, name: string, body: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`)
  chmodSync(join(directory, name), 0o755)
}
