import { randomBytes } from 'node:crypto'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import { createEventLog } from '../audit/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Leader } from '../storage/index.ts'
import { createKeyRing } from './ring.ts'
import { createSealKey, type SealKey } from './seal/index.ts'
import type { SigningAlgorithm } from './types.ts'

/** A day in milliseconds. */
export const DAY = 86_400_000
const schedule = { publishAheadMs: DAY, activeMs: 30 * DAY, retainMs: 3_600_000 }

/** A key ring over a real database, with a clock of its own. */
export interface RingFixture {
  readonly database: Database<Tables>
  readonly clock: { now: Date }
  readonly sealKey: SealKey
  readonly open: (options?: {
    readonly sealKey?: SealKey
    readonly algorithms?: readonly SigningAlgorithm[]
  }) => ReturnType<typeof createKeyRing>
  readonly leader: Leader<Tables>
  /** Events of signing keys as `kind kid`, oldest first, without the common prefix. */
  readonly events: () => Promise<{ kind: string; actor: string; data: Record<string, string> }[]>
}

/** Makes one. */
export async function createRingFixture(scope: TestScope): Promise<RingFixture> {
  const clock = { now: new Date(Date.UTC(2026, 0, 1)) }
  const now = () => clock.now
  const database = await openTestDatabase(scope, { now })
  const eventLog = createEventLog({ database, now })
  const sealKey = createSealKey(randomBytes(32))
  const leader = {
    epoch: 1,
    signal: new AbortController().signal,
    transaction: database.transaction.bind(database),
  } as Leader<Tables>
  return {
    database,
    clock,
    sealKey,
    leader,
    open: (options = {}) =>
      createKeyRing({ database, eventLog, sealKey, schedule, algorithms: ['ES256'], now, ...options }),
    async events() {
      const rows = await database.read.selectFrom('events').select(['kind', 'actor', 'body']).orderBy('id').execute()
      return rows.map(({ kind, actor, body }) => {
        const { data } = JSON.parse(Buffer.from(body).toString('utf8')) as { data: Record<string, string> }
        return { kind: kind.replace('signing_key.', ''), actor, data }
      })
    },
  }
}
