import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  appendSamples,
  createTestSigner,
  sampleEvent,
  type TestSigner,
  tamper,
} from '../../../../test/support/audit.ts'
import { createTestTarget } from '../../../../test/support/database.ts'
import { systemNow } from '../lib/index.ts'
import { MIGRATIONS, type Tables } from '../schema/index.ts'
import { type DatabaseTarget, openDatabase } from '../storage/index.ts'
import { signCheckpoint } from './checkpoint.ts'
import { encodeEvent } from './encode.ts'
import { createEventLog } from './event-log.ts'
import { createGrowingTree, hashLeaf } from './merkle.ts'
import { createSealer } from './sealer.ts'
import { verifyExport } from './verify.ts'

const ORIGIN = 'log.example/audit'
const bodies = Array.from({ length: 40 }, (_, index) => encodeEvent(sampleEvent(index)))
const idOf = (index: number) => sampleEvent(index).id
const other = encodeEvent(sampleEvent(7, { data: { policy: 'pol_2', revision: 7 } }))

/** A log of 12 events in a real database, sealed at 4, 8 and 12, and the last checkpoint as somebody has kept it. */
async function openSealedLog(t: TestContext) {
  const target = await createTestTarget(t)
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
  t.after(() => database.close())
  const log = createEventLog({ database, now: systemNow })
  const signer = createTestSigner(ORIGIN)
  const alarms: unknown[] = []
  const sealer = createSealer({
    database,
    signer: () => signer,
    origin: ORIGIN,
    now: systemNow,
    onAlarm: (alarm) => alarms.push(alarm),
  })
  sealer.start()
  for (const from of [0, 4, 8]) {
    await appendSamples(database, log, from, 4)
    assert.equal(await sealer.sealNow(), true)
  }
  await sealer.stop()
  assert.deepEqual(alarms, [])
  const kept = (await log.checkpoint())?.note ?? ''
  const verify = () => verifyExport(log.export(), { trustedKeys: [signer.verifierKey], expected: kept })
  assert.equal((await verify()).ok, true)
  return { target, signer, verify }
}

function headNote(signer: TestSigner, leaves: readonly Uint8Array[]): { root: Uint8Array; note: string } {
  const tree = createGrowingTree()
  for (const leaf of leaves) tree.append(hashLeaf(leaf))
  const root = tree.root()
  return { root, note: signCheckpoint({ origin: ORIGIN, size: BigInt(leaves.length), root }, [signer]) }
}

interface TamperCase {
  readonly name: string
  readonly tamper: (target: DatabaseTarget, signer: TestSigner) => Promise<void>
  readonly kind: string
  readonly firstBad: number
  readonly vouched: number
}

// As the database's superuser, who can do everything but sign.
const CASES: readonly TamperCase[] = [
  {
    name: 'a changed event',
    tamper: (target) => tamper(target, 'events', [['UPDATE events SET body = ? WHERE id = ?', other, idOf(7)]]),
    kind: 'entry_changed',
    firstBad: 7,
    vouched: 12,
  },
  {
    name: 'a changed event whose leaf hash was changed with it',
    tamper: async (target) => {
      await tamper(target, 'events', [['UPDATE events SET body = ? WHERE id = ?', other, idOf(7)]])
      await tamper(target, 'log_leaves', [
        ['UPDATE log_leaves SET leaf_hash = ? WHERE leaf_index = 7', hashLeaf(other)],
      ])
    },
    kind: 'root_mismatch',
    firstBad: 4,
    vouched: 4,
  },
  {
    name: 'an event of bytes that are no text',
    tamper: (target) =>
      tamper(target, 'events', [['UPDATE events SET body = ? WHERE id = ?', Buffer.of(0xff), idOf(7)]]),
    kind: 'entry_malformed',
    firstBad: 7,
    vouched: 12,
  },
  {
    name: 'a deleted event',
    tamper: (target) => tamper(target, 'events', [['DELETE FROM events WHERE id = ?', idOf(7)]]),
    kind: 'entry_missing',
    firstBad: 7,
    vouched: 12,
  },
  {
    name: 'an event that was deleted with its leaf',
    tamper: async (target) => {
      await tamper(target, 'events', [['DELETE FROM events WHERE id = ?', idOf(7)]])
      await tamper(target, 'log_leaves', [['DELETE FROM log_leaves WHERE leaf_index = 7']])
    },
    kind: 'entry_missing',
    firstBad: 7,
    vouched: 4,
  },
  {
    name: 'an event that was deleted with its leaf, all later ones renumbered',
    tamper: async (target) => {
      await tamper(target, 'events', [['DELETE FROM events WHERE id = ?', idOf(7)]])
      const renumber = Array.from({ length: 4 }, (_, offset) => [
        'UPDATE log_leaves SET leaf_index = ? WHERE leaf_index = ?',
        7 + offset,
        8 + offset,
      ]) as [string, number, number][]
      await tamper(target, 'log_leaves', [['DELETE FROM log_leaves WHERE leaf_index = 7'], ...renumber])
    },
    kind: 'root_mismatch',
    firstBad: 4,
    vouched: 4,
  },
  {
    name: 'an inserted event, all later ones renumbered',
    tamper: async (target) => {
      const body = encodeEvent(sampleEvent(30))
      const insert = "INSERT INTO events (id, at, kind, outcome, actor, body) VALUES (?, 0, 'a.b', 'done', 'system', ?)"
      await tamper(target, 'events', [[insert, idOf(30), body]])
      const renumber = Array.from({ length: 5 }, (_, offset) => [
        'UPDATE log_leaves SET leaf_index = ? WHERE leaf_index = ?',
        12 - offset,
        11 - offset,
      ]) as [string, number, number][]
      const leaf = 'INSERT INTO log_leaves (leaf_index, event_id, leaf_hash) VALUES (7, ?, ?)'
      await tamper(target, 'log_leaves', [...renumber, [leaf, idOf(30), hashLeaf(body)]])
    },
    kind: 'root_mismatch',
    firstBad: 4,
    vouched: 4,
  },
  {
    name: 'two events that have changed places',
    tamper: (target) =>
      tamper(target, 'log_leaves', [
        ['UPDATE log_leaves SET leaf_index = 100 WHERE leaf_index = 5'],
        ['UPDATE log_leaves SET leaf_index = 5 WHERE leaf_index = 6'],
        ['UPDATE log_leaves SET leaf_index = 6 WHERE leaf_index = 100'],
      ]),
    kind: 'root_mismatch',
    firstBad: 4,
    vouched: 4,
  },
  {
    name: 'two leaves that have changed their events',
    tamper: (target) =>
      tamper(target, 'log_leaves', [
        ['UPDATE log_leaves SET event_id = ? WHERE leaf_index = 5', 'evt_x'],
        ['UPDATE log_leaves SET event_id = ? WHERE leaf_index = 6', idOf(5)],
        ['UPDATE log_leaves SET event_id = ? WHERE leaf_index = 5', idOf(6)],
      ]),
    kind: 'entry_changed',
    firstBad: 5,
    vouched: 12,
  },
  {
    name: 'a log cut back to an older checkpoint',
    tamper: async (target) => {
      await tamper(target, 'log_checkpoints', [['DELETE FROM log_checkpoints WHERE size > 8']])
      await tamper(target, 'log_leaves', [['DELETE FROM log_leaves WHERE leaf_index >= 8']])
    },
    kind: 'truncated',
    firstBad: 8,
    vouched: 8,
  },
  {
    name: 'leaves that were cut off behind the last checkpoint',
    tamper: (target) => tamper(target, 'log_leaves', [['DELETE FROM log_leaves WHERE leaf_index >= 10']]),
    kind: 'entry_missing',
    firstBad: 10,
    vouched: 8,
  },
  {
    name: 'a removed last checkpoint',
    tamper: (target) => tamper(target, 'log_checkpoints', [['DELETE FROM log_checkpoints WHERE size = 12']]),
    kind: 'truncated',
    firstBad: 8,
    vouched: 8,
  },
  {
    name: 'a fork: the log written anew from an entry on, and signed with the stolen key',
    tamper: async (target, signer) => {
      const leaves = bodies.slice(0, 12).with(7, other)
      const [eight, twelve] = [headNote(signer, leaves.slice(0, 8)), headNote(signer, leaves)]
      await tamper(target, 'events', [['UPDATE events SET body = ? WHERE id = ?', other, idOf(7)]])
      await tamper(target, 'log_leaves', [
        ['UPDATE log_leaves SET leaf_hash = ? WHERE leaf_index = 7', hashLeaf(other)],
      ])
      const update = 'UPDATE log_checkpoints SET root = ?, note = ? WHERE size = ?'
      await tamper(target, 'log_checkpoints', [
        [update, eight.root, eight.note, 8],
        [update, twelve.root, twelve.note, 12],
      ])
    },
    kind: 'fork',
    firstBad: 0,
    vouched: 12,
  },
  {
    name: 'a fork: a second signed checkpoint that the others are not consistent with',
    tamper: async (target, signer) => {
      const { root, note } = headNote(signer, bodies.slice(0, 6).with(5, other))
      const insert = 'INSERT INTO log_checkpoints (size, root, at, epoch, note) VALUES (6, ?, 0, 1, ?)'
      await tamper(target, 'log_checkpoints', [[insert, root, note]])
    },
    kind: 'fork',
    firstBad: 4,
    vouched: 12,
  },
  {
    name: 'a log written anew and signed with another key under the same name',
    tamper: async (target) => {
      const impostor = createTestSigner(ORIGIN)
      const leaves = bodies.slice(0, 12).with(7, other)
      await tamper(target, 'events', [['UPDATE events SET body = ? WHERE id = ?', other, idOf(7)]])
      await tamper(target, 'log_leaves', [
        ['UPDATE log_leaves SET leaf_hash = ? WHERE leaf_index = 7', hashLeaf(other)],
      ])
      await tamper(target, 'settings', [
        ["UPDATE settings SET value = ? WHERE name LIKE 'log_verifier_key%'", impostor.verifierKey],
      ])
      for (const size of [4, 8, 12]) {
        const { root, note } = headNote(impostor, leaves.slice(0, size))
        const update = 'UPDATE log_checkpoints SET root = ?, note = ? WHERE size = ?'
        await tamper(target, 'log_checkpoints', [[update, root, note, size]])
      }
    },
    kind: 'unknown_key',
    firstBad: 0,
    vouched: 0,
  },
  {
    name: 'a checkpoint with another root',
    tamper: async (target, signer) => {
      const { note } = headNote(signer, bodies.slice(0, 8))
      const forged = note.replace(/\n[^\n]{44}\n/, `\n${Buffer.from(hashLeaf(other)).toString('base64')}\n`)
      await tamper(target, 'log_checkpoints', [['UPDATE log_checkpoints SET note = ? WHERE size = 8', forged]])
    },
    kind: 'bad_signature',
    firstBad: 4,
    vouched: 12,
  },
]

describe('A-06, R-18: a superuser who tampers with the database is found out by the export', () => {
  for (const { name, tamper: act, kind, firstBad, vouched } of CASES) {
    it(name, async (t) => {
      const { target, signer, verify } = await openSealedLog(t)
      await act(target, signer)
      const verdict = await verify()
      const report = JSON.stringify(verdict)
      assert.equal(verdict.ok, false, report)
      assert.ok(
        verdict.faults.some((fault) => fault.kind === kind),
        report,
      )
      assert.equal(verdict.firstBad, firstBad, report)
      assert.equal(verdict.vouched, vouched, report)
    })
  }

  it('has nothing to report when only what the tree does not cover was changed: the columns beside the body', async (t) => {
    const { target, verify } = await openSealedLog(t)
    await tamper(target, 'events', [["UPDATE events SET outcome = 'denied' WHERE id = ?", idOf(4)]])
    assert.equal((await verify()).ok, true)
  })
})
