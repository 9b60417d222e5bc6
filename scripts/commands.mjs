// The repository's commands, run under its own Node (see run.mjs).
import { spawnSync } from 'node:child_process'
import { globSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = '--conditions=source'

function step(title, command, args) {
  if (title) process.stderr.write(`\n> ${title}\n`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: process.env })
  if (error) throw error
  return status ?? 1
}

const node = (...args) => step('', process.execPath, [source, ...args])

/** Runs every step even after a failure: one run of `check` shows every fault. */
function all(...steps) {
  return steps.map((run) => run()).some((status) => status !== 0) ? 1 : 0
}

function test(args) {
  const options = args.filter((argument) => argument.startsWith('--'))
  const named = args.filter((argument) => !argument.startsWith('--'))
  const files = named.length > 0 ? named : globSync(['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  return node('--test', '--test-concurrency=2', '--test-timeout=300000', ...options, ...files.sort())
}

function build() {
  for (const name of ['sdk', 'server']) {
    rmSync(join(root, 'packages', name, 'dist'), { recursive: true, force: true })
    const status = step(`build ${name}`, 'tsc', ['-p', `packages/${name}/tsconfig.build.json`])
    if (status !== 0) return status
  }
  return step('bundle the command', process.execPath, ['scripts/bundle.ts'])
}

/** The suite on a private PostgreSQL that starts and stops with it. The SDK knows no store: its own tests are not run twice. */
function testOnPostgres(given) {
  const stored = () => globSync(['packages/server/src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  const args = given.some((argument) => !argument.startsWith('--')) ? given : [...given, ...stored()]
  return node('scripts/with-postgres.ts', process.execPath, source, 'scripts/commands.mjs', 'test', ...args)
}

/** The built packages on another Node: the SDK's and the exchange's tests, and one quickstart. */
function smoke() {
  const other = process.env.COUNTERSIGN_SMOKE_NODE ?? process.execPath
  const files = [
    'packages/sdk/src/verify/*.test.ts',
    'packages/server/src/federation/*.test.ts',
    'test/e2e/exchange.test.ts',
  ]
  return all(
    () => step('', other, ['--version']),
    () => step('', other, [source, '--test', ...globSync(files, { cwd: root }).sort()]),
    () => step('', other, [source, 'packages/server/src/cli/main.ts', 'quickstart', '--check']),
  )
}

const commands = {
  test,
  'test-postgres': testOnPostgres,
  smoke,
  build,
  check: () =>
    all(
      () => step('types', 'tsc', ['-p', 'tsconfig.json']),
      () => step('lint and format', 'biome', ['check', '--error-on-warnings']),
      () => step('architecture', process.execPath, [source, '--test', 'test/architecture.test.ts']),
      () => step('docs of exports, generated reference', process.execPath, [source, 'scripts/check-docs.ts']),
      () => step('unused code', 'knip', []),
    ),
  format: () => step('', 'biome', ['check', '--write']),
  built: (args) => step('', process.execPath, ['packages/server/dist/bundle/main.js', ...args]),
  quickstart: (args) => node('packages/server/src/cli/main.ts', 'quickstart', ...args),
  bench: (args) => node('bench/run.ts', ...args),
  docs: () => node('scripts/generate-docs.ts'),
}

const [, , name, ...args] = process.argv
const command = commands[name]
if (!command) {
  process.stderr.write(`error: no command "${name}"\nfix: one of ${Object.keys(commands).join(', ')}\n`)
  process.exit(2)
}
process.exit(command(args))
