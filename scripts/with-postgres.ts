// Runs a command with COUNTERSIGN_TEST_POSTGRES set to a private PostgreSQL server, and returns the command's exit code.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import process from 'node:process'
import { startPostgres } from '../test/support/postgres.ts'

const [command, ...args] = process.argv.slice(2)
if (!command) {
  process.stderr.write('error: no command\nfix: node scripts/with-postgres.ts COMMAND [ARGUMENTS]\n')
  process.exit(2)
}
const postgres = await startPostgres()
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...process.env, COUNTERSIGN_TEST_POSTGRES: postgres.url },
})
// A signal ends the command; the server is stopped after it, never left behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
const code = await new Promise<number>((resolve) => {
  child.once('error', (error) => {
    process.stderr.write(`error: cannot run ${command}: ${error.message}\nfix: check that it is installed\n`)
    resolve(2)
  })
  child.once('exit', (status, signal) => resolve(signal ? 128 + constants.signals[signal] : (status ?? 1)))
})
await postgres.stop()
process.exit(code)
