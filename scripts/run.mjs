// Runs a repository command under the repository's own Node. Plain JavaScript without dependencies, because on a fresh
// clone the only thing that exists is whatever Node the machine has.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bin = join(root, 'node_modules', '.bin')
const ownNode = join(bin, 'node')
const stampFile = join(root, 'node_modules', '.countersign-lock')

/** Exits with the child's own code, so that a wrapper never turns a failure into a success. */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) fail(`cannot run ${command}: ${result.error.message}`, 'check that it is installed and executable')
  return result.status ?? 1
}

function fail(message, fix) {
  process.stderr.write(`error: ${message}\nfix: ${fix}\n`)
  process.exit(2)
}

function install() {
  const lockHash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockHash) return
  process.stderr.write('installing dependencies (npm ci) ...\n')
  const status = run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] })
  if (status !== 0) fail('npm ci failed', 'see the lines above; the registry must be reachable for the first run')
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, lockHash)
}

/** The repository's Node 24 where the platform has one, else the machine's own if it is new enough. */
function findNode() {
  if (existsSync(ownNode)) return ownNode
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  return fail(
    `Node ${process.versions.node} is too old and this platform has no bundled Node`,
    'install Node 22.18 or newer and run the command again',
  )
}

const [, , name, ...rest] = process.argv
install()
const node = findNode()
const env = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` }
process.exit(run(node, ['--conditions=source', join(root, 'scripts', 'commands.mjs'), name ?? '', ...rest], { env }))
