import { createApiClient } from '../client.ts'
import { readPages } from '../pages.ts'
import { countConfirmed } from '../render-receipt.ts'
import type { Column, CommandRun } from '../types.ts'
import { member, show } from '../wire.ts'

const column = (name: string, from = name, wide = false): Column => ({
  name,
  ...(wide ? { wide: true as const } : {}),
  read: (item) => show(member(item, from)),
})

const COLUMNS: readonly Column[] = [
  column('id'),
  column('state'),
  column('kind'),
  column('value'),
  column('revoked', 'committed_at'),
  column('effective', 'effective_everywhere_at'),
  {
    name: 'followers',
    read(item) {
      const { confirmed, of } = countConfirmed(item)
      return `${confirmed}/${of}`
    },
  },
  column('reason', 'reason', true),
  column('actor', 'actor', true),
  column('revision', 'revision', true),
  column('waiting-for', 'waiting_for', true),
  column('final', 'final_at', true),
]

/** Receipts, newest first; `--filter state=pending` for those that are not final yet. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  return { exit: 0, list: await readPages(client, '/v1/receipts', settings), columns: COLUMNS }
}
