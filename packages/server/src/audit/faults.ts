/** What can be wrong with an export. */
export type AuditFaultKind =
  | 'header_invalid'
  | 'line_malformed'
  | 'entry_malformed'
  | 'entry_missing'
  | 'entry_out_of_order'
  | 'entry_changed'
  | 'leaf_hash_changed'
  | 'root_mismatch'
  | 'truncated'
  | 'fork'
  | 'bad_signature'
  | 'unknown_key'
  | 'wrong_origin'
  | 'checkpoint_malformed'
  | 'checkpoint_misplaced'
  | 'no_checkpoint'
  | 'expected_invalid'

/** One fault of an export: where it is, and the entry or the entries (both ends inclusive) that it concerns, if any. */
export interface AuditFault {
  readonly kind: AuditFaultKind
  /** Line of the export, from 1. */
  readonly line: number
  readonly index?: number
  readonly range?: { readonly first: number; readonly last: number }
  /** A sentence for people. Holds numbers and key names only, no text of an entry. */
  readonly detail: string
}

const MAX_LISTED = 100

/** Collects faults in constant memory: the first 100, the number of all, and the lowest index of all. */
export function createFaultList() {
  const listed: AuditFault[] = []
  let count = 0
  let firstBad: number | undefined
  return {
    add(fault: AuditFault): void {
      count += 1
      if (listed.length < MAX_LISTED) listed.push(fault)
      const index = fault.index ?? fault.range?.first
      if (index !== undefined && (firstBad === undefined || index < firstBad)) firstBad = index
    },
    /** Counts faults that are not listed; they concern later entries than those that were added. */
    countFurther(further: number): void {
      count += further
    },
    count: () => count,
    firstBad: () => firstBad,
    /** By the entry that they concern; faults of the export as a whole come first. */
    list: (): readonly AuditFault[] => listed.toSorted((a, b) => indexOf(a) - indexOf(b) || a.line - b.line),
  }
}

function indexOf(fault: AuditFault): number {
  return fault.index ?? fault.range?.first ?? -1
}
