import { ERRORS } from '../../errors.ts'
import { exitFor } from '../exit-for.ts'
import { EXITS } from '../exits.ts'
import { CLI_FAULTS, CliFault, cliFault } from '../faults.ts'
import { findNearest } from '../suggest.ts'
import { renderFields } from '../terminal/index.ts'
import type { Column, CommandRun } from '../types.ts'
import { member, show } from '../wire.ts'

interface Entry {
  readonly code: string
  readonly title: string
  readonly fix: string
  readonly status: number | null
  readonly oauth: string | null
  readonly exit: number
}

const ENTRIES: readonly Entry[] = [
  ...Object.entries(ERRORS).map(([code, { title, fix, status, oauth }]) => ({
    code,
    title,
    fix,
    status,
    oauth,
    exit: oauth === null ? exitFor(code) : oauthExit(status),
  })),
  ...Object.entries(CLI_FAULTS).map(([code, { title, fix, exit }]) => ({
    code,
    title,
    fix,
    status: null,
    oauth: null,
    exit,
  })),
].sort((left, right) => (left.code < right.code ? -1 : 1))

// A refused exchange is an answer of no, whatever the protocol calls it.
function oauthExit(status: number): number {
  return status === 400 ? EXITS.no : exitFor('', status)
}

const COLUMNS: readonly Column[] = [
  { name: 'code', read: (item) => show(member(item, 'code')) },
  { name: 'title', read: (item) => show(member(item, 'title')) },
  { name: 'exit', read: (item) => show(member(item, 'exit')) },
  { name: 'status', wide: true, read: (item) => show(member(item, 'status')) },
  { name: 'oauth', wide: true, read: (item) => show(member(item, 'oauth')) },
  { name: 'fix', wide: true, read: (item) => show(member(item, 'fix')) },
]

/** What a code means; contacts nothing. */
export const run: CommandRun = async ({ arguments: [code], settings }) => {
  if (code === undefined) {
    return {
      exit: 0,
      list: { items: ENTRIES.slice(0, settings.limit).map((entry) => ({ id: entry.code, ...entry })), next: null },
      columns: COLUMNS,
    }
  }
  const entry = ENTRIES.find((known) => known.code === code)
  if (!entry) {
    const nearest = findNearest(
      code,
      ENTRIES.map((known) => known.code),
    )
    const fault = cliFault('usage', `no error code "${code}"`, {
      fix: nearest ? `did you mean ${nearest}?` : '`countersign errors` lists all',
    })
    throw new CliFault({ ...fault, title: fault.title, exit: EXITS.no })
  }
  return {
    exit: 0,
    document: { id: entry.code, ...entry },
    text: (layout) =>
      renderFields(
        [
          ['code', entry.code],
          ['means', entry.title],
          ['fix', entry.fix],
          ['exit code', String(entry.exit)],
          ['HTTP status', entry.status === null ? undefined : String(entry.status)],
          ['OAuth error', entry.oauth ?? undefined],
        ],
        layout,
      ).join('\n'),
  }
}
