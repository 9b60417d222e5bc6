/** The exit codes of every command; stable within a major version. */
export const EXITS = {
  yes: 0,
  no: 1,
  usage: 2,
  unavailable: 3,
  unauthorised: 4,
  conflict: 5,
  interrupted: 130,
} as const

/** What each exit code says, for help and reference. */
export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXITS.yes, 'done, or the answer is yes'],
  [EXITS.no, 'the answer is no: denied, a difference or finding exists, not found, verification failed'],
  [EXITS.usage, 'wrong usage or invalid input: do not retry'],
  [EXITS.unavailable, 'unavailable, timed out or asked to slow down: retry later'],
  [EXITS.unauthorised, 'no credential, or no permission'],
  [EXITS.conflict, 'conflict: changed meanwhile, exists already, or widens without consent'],
  [EXITS.interrupted, 'interrupted'],
]
