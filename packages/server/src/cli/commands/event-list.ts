import { createApiClient } from '../client.ts'
import { EVENT_COLUMNS } from '../event-columns.ts'
import { readPages } from '../pages.ts'
import type { CommandRun } from '../types.ts'

/** Recorded events, newest first. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  return { exit: 0, list: await readPages(client, '/v1/events', settings), columns: EVENT_COLUMNS }
}
