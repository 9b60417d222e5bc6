import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { appendSamples, createTestSigner, sampleEvent, tamper } from '../../../../test/support/audit.ts'
import { createTestTarget } from '../../../../test/support/database.ts'
import { ServiceError } from '../errors.ts'
import { systemNow } from '../lib/index.ts'
import { MIGRATIONS, type Tables } from '../schema/index.ts'
import { openDatabase } from '../storage/index.ts'
import { openCheckpoint } from './checkpoint.ts'
import { encodeEvent } from './encode.ts'
import { createEventLog } from './event-log.ts'
import { createLogProofs } from './log-proofs.ts'
import { EMPTY_ROOT, hashLeaf } from './merkle.ts'
import { parseVerifierKey } from './note.ts'
import { provesConsistency, provesInclusion } from './proofs.ts'
import { sealPending } from './seal.ts'

const ORIGIN = 'log.example/audit'

async function openSealedLog(t: TestContext, seals: readonly number[]) {
  const target = await createTestTarget(t)
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
  t.after(() => database.close())
  const log = createEventLog({ database, now: systemNow })
  const signer = createTestSigner(ORIGIN)
  let count = 0
  for (const added of seals) {
    await appendSamples(database, log, count, added)
    count += added
    const input = { signer, origin: ORIGIN, epoch: 1, at: new Date(), limit: 1000 }
    assert.equal(await database.transaction((tx) => sealPending(tx, input)), added)
  }
  return { target, database, log, signer, proofs: createLogProofs({ database }) }
}

function isInvalid(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'audit_invalid'
}

describe('proofs of the log (A-07)', () => {
  it('are not made for events and sizes that it does not have', async (t) => {
    const { database, log, proofs } = await openSealedLog(t, [3, 2])
    await appendSamples(database, log, 5, 1)
    assert.equal(await proofs.inclusion('evt_unknown'), undefined)
    assert.equal(await proofs.inclusion(sampleEvent(5).id), undefined)
    for (const [first, second] of [
      [0, 5],
      [4, 5],
      [3, 4],
      [5, 3],
      [-1, 3],
    ] as const) {
      assert.equal(await proofs.consistency(first, second), undefined)
    }
  })

  it('are refused where the stored tree no longer shows what was sealed', async (t) => {
    const { target, proofs } = await openSealedLog(t, [3, 2])
    await tamper(target, 'events', [
      ['UPDATE events SET body = ? WHERE id = ?', encodeEvent(sampleEvent(9)), sampleEvent(1).id],
    ])
    await assert.rejects(proofs.inclusion(sampleEvent(1).id), isInvalid)
    await tamper(target, 'log_leaves', [['UPDATE log_leaves SET leaf_hash = ? WHERE leaf_index = 2', EMPTY_ROOT]])
    await assert.rejects(proofs.inclusion(sampleEvent(2).id), isInvalid)
    await tamper(target, 'log_checkpoints', [['UPDATE log_checkpoints SET root = ? WHERE size = 3', EMPTY_ROOT]])
    await assert.rejects(proofs.consistency(3, 5), isInvalid)
    await tamper(target, 'log_tiles', [['DELETE FROM log_tiles']])
    await assert.rejects(proofs.inclusion(sampleEvent(3).id), isInvalid)
    await assert.rejects(
      proofs.consistency(5, 5).then(() => proofs.consistency(3, 5)),
      isInvalid,
    )
  })

  it('convince a reader who has only the key', async (t) => {
    const { signer, proofs } = await openSealedLog(t, [3, 255, 44])
    const key = parseVerifierKey(signer.verifierKey)
    assert.ok(key)
    for (const index of [0, 2, 3, 255, 256, 257, 301]) {
      const found = await proofs.inclusion(sampleEvent(index).id)
      assert.ok(found)
      const opened = openCheckpoint(found.checkpoint.note, [key])
      assert.ok(opened.ok)
      const { size, root } = opened.head
      const claim = { leafHash: hashLeaf(found.entry), index: BigInt(found.index), size, root, proof: found.proof }
      assert.equal(found.index, index)
      assert.ok(provesInclusion(claim))
    }
    for (const [from, to] of [
      [3, 258],
      [3, 302],
      [258, 302],
      [302, 302],
    ] as const) {
      const found = await proofs.consistency(from, to)
      assert.ok(found)
      const [first, second] = [openCheckpoint(found.first.note, [key]), openCheckpoint(found.second.note, [key])]
      assert.ok(first.ok && second.ok)
      assert.ok(
        provesConsistency({
          first: first.head.size,
          second: second.head.size,
          firstRoot: first.head.root,
          secondRoot: second.head.root,
          proof: found.proof,
        }),
      )
    }
  })
})
