import process from 'node:process'
import { LOADERS } from './loaders.ts'
import { runCli } from './run.ts'

// The only place of the CLI that touches the process: streams, environment and signals in, exit code out.
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // Asked twice, it ends at once, whatever it was waiting for.
    if (interrupt.signal.aborted) process.exit(130)
    interrupt.abort(name)
  })
}
// `countersign ... | head` closes the pipe: no failure, and nobody is left to print to.
process.stdout.on('error', (error: Error & { code?: string }) => process.exit(error.code === 'EPIPE' ? 0 : 3))

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  // Made when first read: opening it costs time that help has no use for.
  get stdin() {
    return process.stdin
  },
  stdout: process.stdout,
  stderr: process.stderr,
  now: () => new Date(),
  signal: interrupt.signal,
  modules: LOADERS,
})
