import type { KeySetChange } from '@countersign/sdk'
import type { EventLog } from '../audit/index.ts'
import { newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'

/** Thumbprints that one event names of each side; the counts say how many there were. */
const MAX_NAMED = 40

/** What recording key changes needs. */
export interface KeyChangeRecorderDeps {
  readonly database: Database<Tables>
  readonly eventLog: Pick<EventLog, 'append'>
  readonly now: () => Date
}

/**
 * Records that an issuer publishes other keys than before (J-14): who can vouch for workloads has changed. The first set that this
 * process sees is no change. Keys are named by their RFC 7638 thumbprints; kids are the issuer's free text and stay out.
 */
export function createKeyChangeRecorder(deps: KeyChangeRecorderDeps): (change: KeySetChange) => Promise<void> {
  const { database, eventLog, now } = deps
  const names = (keys: KeySetChange['added']) => keys.slice(0, MAX_NAMED).map((key) => key.thumbprint)
  return async ({ issuer, initial, added, removed }) => {
    if (initial) return
    const at = now()
    await database.transaction((tx) =>
      eventLog.append(tx, {
        id: newId('evt', at),
        at,
        kind: 'issuer.keys_changed',
        outcome: 'done',
        actor: 'system',
        data: {
          issuer,
          added: names(added),
          removed: names(removed),
          added_count: added.length,
          removed_count: removed.length,
        },
      }),
    )
  }
}
