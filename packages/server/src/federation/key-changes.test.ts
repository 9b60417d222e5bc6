import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../../test/support/database.ts'
import { createEventLog } from '../audit/index.ts'
import { createKeyChangeRecorder } from './key-changes.ts'

const now = () => new Date('2026-11-24T09:00:00Z')
const key = (name: string) => ({ kid: `kid ${name}\n`, thumbprint: name.padEnd(43, 'x') })

test('J-14: a changed key set of an issuer is an event that names the keys; the first set seen is none', async (t) => {
  const database = await openTestDatabase(t, { now })
  const eventLog = createEventLog({ database, now })
  const record = createKeyChangeRecorder({ database, eventLog, now })
  await record({ issuer: 'https://issuer.example', initial: true, added: [key('a')], removed: [] })
  assert.equal((await eventLog.list({ limit: 10 })).items.length, 0)
  await record({ issuer: 'https://issuer.example', initial: false, added: [key('b')], removed: [key('a')] })
  const [event] = (await eventLog.list({ limit: 10 })).items
  assert.deepEqual(event?.data, {
    issuer: 'https://issuer.example',
    added: [key('b').thumbprint],
    removed: [key('a').thumbprint],
    added_count: 1,
    removed_count: 1,
  })
})

test('J-14: however many keys change at once, the event fits', async (t) => {
  const database = await openTestDatabase(t, { now })
  const eventLog = createEventLog({ database, now })
  const many = Array.from({ length: 64 }, (_, index) => key(`k${index}`))
  const issuer = `https://${'i'.repeat(240)}.example`
  await createKeyChangeRecorder({ database, eventLog, now })({ issuer, initial: false, added: many, removed: many })
  assert.equal((await eventLog.list({ limit: 10 })).items[0]?.data['added_count'], 64)
})
