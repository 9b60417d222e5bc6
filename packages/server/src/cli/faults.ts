import { ERRORS, ServiceError } from '../errors.ts'
import { exitFor, isErrorCode } from './exit-for.ts'
import { EXITS } from './exits.ts'

/** Failures that arise in the CLI itself; those of the server are in errors.ts. */
export const CLI_FAULTS = {
  usage: { exit: EXITS.usage, title: 'The command line is not valid', fix: 'see `countersign help`' },
  input_unreadable: { exit: EXITS.usage, title: 'An input cannot be read', fix: 'check the path and its permissions' },
  input_invalid: { exit: EXITS.usage, title: 'An input is not valid', fix: 'correct the named place' },
  output_unwritable: {
    exit: EXITS.usage,
    title: 'An output cannot be written',
    fix: 'check the path and its permissions',
  },
  output_exists: { exit: EXITS.conflict, title: 'The output file exists', fix: 'remove it, or name another file' },
  confirmation_needed: { exit: EXITS.usage, title: 'The command needs a confirmation', fix: 'add --yes' },
  unreachable: {
    exit: EXITS.unavailable,
    title: 'The server cannot be reached',
    fix: 'start it with `countersign serve`, or name it with --server or --socket; `countersign doctor` tries each step',
  },
  timeout: { exit: EXITS.unavailable, title: 'No answer in time', fix: 'retry, or allow more with --timeout' },
  unexpected_answer: {
    exit: EXITS.unavailable,
    title: 'The answer is not one of a Countersign server',
    fix: 'check the address given by --server',
  },
  exchange_denied: {
    exit: EXITS.no,
    title: 'The exchange was denied',
    fix: 'give the id to an administrator: `countersign explain ID` says why and how to fix it',
  },
  no_proof: {
    exit: EXITS.unauthorised,
    title: 'No proof of where this runs was found',
    fix: 'make one of the named sources available, or pass --proof-file',
  },
  proof_source_failed: {
    exit: EXITS.unavailable,
    title: 'The platform did not give a proof',
    fix: 'see detail; retry if the platform is unavailable',
  },
  command_not_started: { exit: EXITS.usage, title: 'The command after -- cannot be started', fix: 'check its name' },
  interrupted: { exit: EXITS.interrupted, title: 'Interrupted', fix: 'run the command again' },
  unexpected: {
    exit: EXITS.usage,
    title: 'Something unexpected happened in the command line',
    fix: 'run it again with -v and report what it prints',
  },
} as const satisfies Record<string, { exit: number; title: string; fix: string }>

/** The code of a failure of the CLI itself. */
export type CliFaultCode = keyof typeof CLI_FAULTS

/** One fault of an input: where and what. */
export interface FaultDetail {
  readonly pointer: string
  readonly code: string
  readonly detail: string
  readonly fix?: string
}

/** A failure on its way to stderr and the exit code. No member ever holds a token or a key. */
export class CliFault extends Error {
  readonly code: string
  readonly exit: number
  readonly title: string
  readonly detail: string | undefined
  readonly fix: string
  /** What to quote when asking about it: a request id, or the id of a decision. */
  readonly id: string | undefined
  readonly retryable: boolean
  readonly problems: readonly FaultDetail[]

  constructor(input: {
    code: string
    exit: number
    title: string
    fix: string
    detail?: string | undefined
    id?: string | undefined
    retryable?: boolean
    problems?: readonly FaultDetail[]
    cause?: unknown
  }) {
    super(input.title, input.cause === undefined ? {} : { cause: input.cause })
    this.name = 'CliFault'
    this.code = input.code
    this.exit = input.exit
    this.title = input.title
    this.detail = input.detail
    this.fix = input.fix
    this.id = input.id
    this.retryable = input.retryable ?? input.exit === EXITS.unavailable
    this.problems = input.problems ?? []
  }
}

/** A failure of the CLI's own table, with what is particular to this case. */
export function cliFault(
  code: CliFaultCode,
  detail: string,
  more: { fix?: string; id?: string | undefined; problems?: readonly FaultDetail[]; cause?: unknown } = {},
): CliFault {
  return new CliFault({ code, ...CLI_FAULTS[code], detail, ...more })
}

/** Any thrown value as a fault. What is not one of ours keeps its message to itself: a stranger's message may quote input. */
export function toFault(error: unknown): CliFault {
  if (error instanceof CliFault) return error
  if (error instanceof ServiceError) {
    const known = ERRORS[error.code]
    return new CliFault({
      code: error.code,
      exit: exitFor(error.code),
      title: known.title,
      detail: error.detail,
      fix: known.fix,
      problems: error.problems,
      cause: error,
    })
  }
  if (error instanceof Error && error.name === 'AbortError')
    return new CliFault({ code: 'interrupted', ...CLI_FAULTS.interrupted })
  const kind = error instanceof Error ? error.name : typeof error
  return cliFault('unexpected', `${kind}${errno(error)}`, { cause: error })
}

function errno(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{2,60}$/.test(code) ? ` (${code})` : ''
}

/** Whether `countersign errors CODE` knows the code. */
export function isDocumented(code: string): boolean {
  return isErrorCode(code) || Object.hasOwn(CLI_FAULTS, code)
}
