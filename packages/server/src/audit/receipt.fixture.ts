import { createTestSigner, sampleEvent, type TestSigner } from '../../../../test/support/audit.ts'
import { canonicalJson, type JsonObject } from '../lib/index.ts'
import { signCheckpoint } from './checkpoint.ts'
import { encodeEvent, MAX_EVENT_BYTES } from './encode.ts'
import { createGrowingTree, hashLeaf } from './merkle.ts'
import { inclusionProof } from './proofs.ts'
import { type ReceiptFacts, type ReceiptFollower, toReceiptJson, toSignedFacts } from './receipt-facts.ts'
import { receiptKeyName, signReceiptNote } from './receipt-note.ts'
import { RECEIPT_EVENT } from './receipt-verify.ts'
import { appendLeaves } from './tiles.ts'
import type { AuditEvent } from './types.ts'

/** The name of the log in these tests. */
export const ORIGIN = 'log.example/v1/audit'

/** Follower number `index` of a test. */
export function sampleFollower(index: number): ReceiptFollower {
  return {
    id: `wl_1/${String(index).padStart(22, '0')}`,
    workloadId: 'wl_1',
    service: 'svc_orders',
    leaseUntil: new Date(Date.UTC(2027, 0, 1, 0, 0, 30) + index),
    confirmedAt: index % 7 === 6 ? undefined : new Date(Date.UTC(2027, 0, 1) + index),
  }
}

/** The facts of a receipt of two services, one without followers. */
export function sampleFacts(change: Partial<ReceiptFacts> = {}): ReceiptFacts {
  const committedAt = new Date(Date.UTC(2027, 0, 1))
  const until = new Date(committedAt.getTime() + 900_000)
  return {
    id: 'rcpt_01jz8m2q4c6e8g0j2m4p6r8t0v',
    kind: 'policy',
    value: 'pol_01jz8m2q4c6e8g0j2m4p6r8t0v',
    revision: 41,
    reason: 'left the company \u2014 \u0001 "quoted"',
    actor: 'local-socket',
    committedAt,
    effectiveEverywhereAt: until,
    followers: [sampleFollower(0), sampleFollower(1)],
    services: [
      {
        id: 'svc_orders',
        name: 'orders',
        followers: 2,
        mayAcceptUntil: new Date(Date.UTC(2027, 0, 1, 0, 0, 1)),
        why: 'followers',
      },
      { id: 'svc_legacy', name: 'legacy', followers: 0, mayAcceptUntil: until, why: 'no_followers' },
    ],
    eventId: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v',
    finalAt: new Date(committedAt.getTime() + 1_000),
    ...change,
  }
}

/** A final receipt as JSON, made without a database, and the keys that it is signed with. */
export interface SampleReceipt {
  readonly wire: Record<string, unknown>
  readonly logKey: TestSigner
  readonly receiptKey: TestSigner
  readonly keys: readonly string[]
  /** The tree's size, and a checkpoint of the same tree at it. */
  readonly size: number
}

/** What a sample receipt is made from. */
export interface SampleReceiptInput {
  readonly facts?: ReceiptFacts
  readonly origin?: string
  readonly logKey?: TestSigner
  readonly receiptKey?: TestSigner
  readonly event?: Partial<AuditEvent>
  readonly index?: number
  readonly size?: number
}

/** The receipt of an event at `index` in a log of `size` entries. */
export async function writeSampleReceipt({
  facts = sampleFacts(),
  origin = ORIGIN,
  logKey = createTestSigner(origin),
  receiptKey = createTestSigner(receiptKeyName(origin)),
  event = {},
  index = 5,
  size = 12,
}: SampleReceiptInput = {}): Promise<SampleReceipt> {
  const make = (receipt: JsonObject) =>
    sampleEvent(index, { kind: RECEIPT_EVENT, outcome: 'done', actor: 'system', data: { receipt }, ...event })
  const signed = toSignedFacts(facts, (form) => isEncodable(make(form)))
  const leaves = Array.from({ length: size }, (_, at) =>
    hashLeaf(encodeEvent(at === index ? make(signed) : sampleEvent(at))),
  )
  const tree = createGrowingTree()
  for (const leaf of leaves) tree.append(leaf)
  const tiles = new Map(
    appendLeaves(0, new Map(), leaves).changed.map((tile) => [`${tile.level}/${tile.index}`, tile.hashes]),
  )
  const hashes = await inclusionProof(async (at) => tiles.get(`${at.level}/${at.index}`), index, size)
  const keys = [logKey.verifierKey, receiptKey.verifierKey]
  const wire = {
    ...toReceiptJson(facts),
    state: 'final',
    waiting_for: null,
    note: signReceiptNote(origin, canonicalJson(signed), receiptKey),
    proof: {
      event: Buffer.from(encodeEvent(make(signed))).toString('base64'),
      leaf_index: index,
      hashes: hashes.map((bytes) => Buffer.from(bytes).toString('base64')),
      checkpoint: signCheckpoint({ origin, size: BigInt(size), root: tree.root() }, [logKey]),
    },
    verifier_keys: keys,
  }
  return { wire, logKey, receiptKey, keys, size }
}

function isEncodable(event: AuditEvent): boolean {
  try {
    return encodeEvent(event).length <= MAX_EVENT_BYTES
  } catch {
    return false
  }
}
