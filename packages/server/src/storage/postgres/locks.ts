/** The first of the two keys of every advisory lock of storage: it keeps them apart from other users of the database. */
const LOCK_CLASS = 0x43534e00

/** Advisory locks by what they guard; each is an argument list for the pg_advisory functions. */
export const LOCKS = {
  migrate: `${LOCK_CLASS}, 1`,
  revisions: `${LOCK_CLASS}, 2`,
  lead: `${LOCK_CLASS}, 3`,
  partitions: `${LOCK_CLASS}, 4`,
} as const

/** The channel on which a committed revision is announced. */
export const REVISION_CHANNEL = 'countersign_revisions'
