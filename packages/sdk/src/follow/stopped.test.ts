import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { until, withServer } from './follower.fixture.ts'

interface Report {
  readonly lastAcceptedAt: number
  readonly instance: string
}

async function startVerifier(t: TestContext, url: string) {
  const child = spawn(
    process.execPath,
    ['--conditions=source', fileURLToPath(import.meta.resolve('./stopped-verifier.fixture.ts')), url],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  assert.equal((await lines.next()).value, 'ready')
  return {
    child,
    async report(): Promise<Report> {
      child.stdin.write('report\n')
      return JSON.parse(String((await lines.next()).value)) as Report
    },
  }
}

test('invariant 7: a process that is stopped (SIGSTOP) and continued accepts nothing past its lease', {
  skip: process.platform === 'win32' ? 'there is no SIGSTOP' : false,
}, async (t) => {
  const server = await withServer(t)
  server.leaseSeconds = 1
  const { child, report } = await startVerifier(t, server.url)
  const { instance } = await report()
  for (const faults of ['none', 'server hangs'] as const) {
    await until(async () => (await report()).lastAcceptedAt > 0)
    child.kill('SIGSTOP')
    // Whatever it has asked for by now is answered, and counts.
    await pause(100)
    const leaseEnd = server.leases.get(instance)?.until ?? 0
    server.commit(faults === 'none' ? { value: 'unrelated' } : {})
    if (faults !== 'none') server.lease = 'hang'
    await pause(leaseEnd - Date.now() + 300)
    child.kill('SIGCONT')
    await pause(300)
    const after = await report()
    if (faults === 'none') {
      // It goes on by itself.
      await until(async () => (await report()).lastAcceptedAt > leaseEnd)
    } else assert.ok(after.lastAcceptedAt <= leaseEnd, `accepted ${after.lastAcceptedAt - leaseEnd} ms after the lease`)
  }
  assert.equal((await report()).lastAcceptedAt <= (server.leases.get(instance)?.until ?? 0), true)
})
