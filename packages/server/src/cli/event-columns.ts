import type { Column } from './types.ts'
import { member, show } from './wire.ts'

/** The columns of events, in lists and in `audit tail`. */
export const EVENT_COLUMNS: readonly Column[] = [
  { name: 'at', read: (item) => show(member(item, 'at')) },
  { name: 'kind', read: (item) => show(member(item, 'kind')) },
  { name: 'outcome', read: (item) => show(member(item, 'outcome')) },
  { name: 'actor', read: (item) => show(member(item, 'actor')) },
  { name: 'id', read: (item) => show(member(item, 'id')) },
  { name: 'workload', wide: true, read: (item) => show(member(item, 'workload_id')) },
  { name: 'leaf', wide: true, read: (item) => show(member(item, 'leaf_index')) },
]
