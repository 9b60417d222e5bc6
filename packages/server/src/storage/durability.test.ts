import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { createTestTarget } from '../../../../test/support/database.ts'
import { openStorage } from '../../../../test/support/storage.ts'
import type { DatabaseTarget } from './index.ts'

const WRITER = join(import.meta.dirname, '../../../../test/support/storage-writer.ts')
const ROUNDS = 3
const ACKNOWLEDGED_BEFORE_KILL = 300

/** Runs a writer until it has acknowledged enough, kills it without a chance to finish, and returns what it acknowledged. */
function writeAndKill(target: DatabaseTarget, prefix: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--conditions=source', WRITER, JSON.stringify(target), prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    output += text
    if (output.split('\n').length > ACKNOWLEDGED_BEFORE_KILL) child.kill('SIGKILL')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(output.split('\n').slice(0, -1))
      else reject(new Error(`the writer ended by itself with ${code}`))
    })
  })
}

test('what was acknowledged survives kill -9, whole and with its guard row (invariant 9)', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const acknowledged: string[] = []
  for (let round = 1; round <= ROUNDS; round += 1) {
    acknowledged.push(...(await writeAndKill(target, `round${round}`)))
    const database = await openStorage(t, { target })
    const rows = await database.read.selectFrom('journal').select('id').execute()
    const stored = new Set(rows.map(({ id }) => id))
    assert.deepEqual(
      acknowledged.filter((id) => !stored.has(id)),
      [],
    )
    const claims = await database.read.selectFrom('claims').select('slot').execute()
    assert.equal(claims.length, rows.length, 'no guard row without its entry, no entry without its guard row')
    await database.close()
  }
  assert.equal(acknowledged.length >= ROUNDS * ACKNOWLEDGED_BEFORE_KILL, true)
})
