import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  formatCheckpointLine,
  formatEntryLine,
  formatHeaderLine,
} from '../../packages/server/src/audit/export-format.ts'
import {
  type AuditEvent,
  type CheckpointSigner,
  encodeEvent,
  formatTreeHead,
  formatVerifierKey,
  hashLeaf,
  signNote,
  toVerifierKey,
} from '../../packages/server/src/audit/index.ts'
import { createGrowingTree } from '../../packages/server/src/audit/merkle.ts'

/** A checkpoint signer with a key made now, and its verifier key string. */
export interface TestSigner extends CheckpointSigner {
  readonly verifierKey: string
}

/** Makes an Ed25519 key pair for a test. */
export function createTestSigner(name = 'log.example/audit'): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = rawPublicKey(publicKey)
  return {
    name,
    publicKey: raw,
    verifierKey: formatVerifierKey(toVerifierKey(name, raw)),
    sign: (message) => sign(null, message, privateKey),
  }
}

function rawPublicKey(publicKey: KeyObject): Uint8Array {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
}

/** Event number `index`, each different from every other. */
export function sampleEvent(index: number, change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: `evt_${String(index).padStart(26, '0')}`,
    at: new Date(Date.UTC(2027, 0, 1) + index),
    kind: 'exchange.decided',
    outcome: index % 2 === 0 ? 'allowed' : 'denied',
    actor: `workload:wl_${index}`,
    workloadId: `wl_${index}`,
    data: { policy: 'pol_1', revision: index },
    ...change,
  }
}

/** An export made without a database: `count` entries, and a checkpoint at each of the sizes. */
export function writeSampleExport(
  count: number,
  sizes: readonly number[],
  { signer = createTestSigner(), origin = 'log.example/audit' }: { signer?: TestSigner; origin?: string } = {},
): string[] {
  const tree = createGrowingTree()
  const size = sizes.at(-1) ?? 0
  const lines = [formatHeaderLine({ origin, from: 0, size, verifierKeys: [signer.verifierKey] })]
  for (let index = 0; index < count; index += 1) {
    const body = encodeEvent(sampleEvent(index))
    const leafHash = hashLeaf(body)
    tree.append(leafHash)
    lines.push(formatEntryLine({ index, entry: Buffer.from(body).toString('utf8'), leafHash }))
    if (sizes.includes(tree.size)) {
      const text = formatTreeHead({ origin, size: BigInt(tree.size), root: tree.root() })
      lines.push(formatCheckpointLine(signNote(text, [signer])))
    }
  }
  return lines
}

/** Array items as an async sequence. */
export async function* toLines(lines: Iterable<string>): AsyncGenerator<string> {
  yield* lines
}
