import { COUNTERSIGN_ERROR_CODES, CountersignError } from '@countersign/sdk'
import { AnswerError } from '@countersign/sdk/credentials'
import { CliFault, cliFault, toFault } from './faults.ts'
import type { SourceList } from './proof-sources/index.ts'
import { describeBreak } from './transport.ts'
import type { CliContext } from './types.ts'

/** A failure of the credential client in the words and exit codes of this command line. */
export function toExchangeFault(error: unknown, sources: SourceList, context: CliContext): CliFault {
  if (context.signal.aborted) return toFault(new DOMException('', 'AbortError'))
  if (!(error instanceof CountersignError)) return toFault(error)
  // What the transport or a file of the command line has found is said in its own words.
  if (error.cause instanceof CliFault) return error.cause
  const detail = reasonOf(error)
  const id = error.eventId
  switch (error.code) {
    case 'exchange_refused':
      return denied(error)
    case 'exchange_unavailable':
      return unavailable(error)
    case 'no_proof':
      return cliFault('no_proof', 'every source was skipped', {
        problems: sources.skipped().map(([pointer, reason]) => ({ pointer, code: 'skipped', detail: reason })),
      })
    case 'proof_invalid':
      return isMissing(error)
        ? cliFault('input_unreadable', detail, { fix: 'mount the projected token there, or unset the variable' })
        : cliFault('input_invalid', detail, {
            fix: 'correct what is named, or leave the variable as the runner sets it',
          })
    case 'proof_unavailable':
      return cliFault('proof_source_failed', detail, {
        fix: 'retry; if it stays, see whether the platform has an incident',
        cause: error,
      })
    case 'response_refused':
      return error.cause instanceof AnswerError
        ? cliFault('unexpected_answer', `status ${error.cause.status} from the token endpoint`, { id })
        : cliFault('unexpected_answer', `the answer to the exchange: ${detail}`, { id })
    default:
      return cliFault('unexpected', detail, { cause: error })
  }
}

// RFC 6749 section 5.2: the caller is told the class of the refusal only; the id leads an administrator to the reason.
function denied(error: CountersignError): CliFault {
  const id = error.eventId
  const word = error.cause instanceof AnswerError ? error.cause.oauthError : undefined
  return cliFault('exchange_denied', word ?? 'unknown error', {
    id,
    ...(id === undefined ? {} : { fix: `an administrator sees why with \`countersign explain ${id}\`` }),
  })
}

function unavailable(error: CountersignError): CliFault {
  const { cause, eventId: id } = error
  if (cause instanceof AnswerError) {
    return cause.status === 429
      ? cliFault('unreachable', 'the server refuses this proof for now (429)', { fix: 'wait a minute', id })
      : cliFault('unreachable', `the server cannot exchange now (${cause.status})`, { fix: 'retry', id })
  }
  if (cause instanceof Error && cause.name === 'TimeoutError') return cliFault('timeout', reasonOf(error))
  return describeBreak(cause)
}

function isMissing({ cause }: CountersignError): boolean {
  return cause instanceof Error && 'code' in cause
}

// The sentence of the code is the SDK's; the title of the fault says the same.
function reasonOf(error: CountersignError): string {
  const prefix = `${COUNTERSIGN_ERROR_CODES[error.code].message}: `
  return error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message
}
