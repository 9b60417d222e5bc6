#!/usr/bin/env node
// Plain JavaScript so that an old Node gets a sentence instead of a syntax error.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`error: countersign needs Node 22.18 or newer, this is ${process.versions.node}\n`)
  process.stderr.write(
    'fix: install a current Node, or inside the repository use the npm scripts, which bring their own\n',
  )
  process.exit(2)
}

const source = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
if (existsSync(source)) {
  // Inside the repository the sources run directly; the condition makes the workspace packages resolve to theirs too.
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=8', '--conditions=source', source, ...process.argv.slice(2)],
    { stdio: 'inherit' },
  )
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
} else {
  limitYoungGeneration()
  await import('../dist/bundle/main.js')
}

/**
 * Starts a server over with 8 MiB semi-spaces. What an exchange leaves behind is garbage within a millisecond; with V8's own limit of
 * 32 MiB it is collected so rarely that a server under load keeps 100 MiB of it. The process stays the same one, so signals and pids hold.
 */
function limitYoungGeneration() {
  const flag = '--max-semi-space-size'
  const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((argument) => argument.includes(flag))
  if (given || !process.argv.slice(2).includes('serve') || process.execve === undefined) return
  process.execve(process.execPath, [process.execPath, `${flag}=8`, ...process.execArgv, ...process.argv.slice(1)])
}
