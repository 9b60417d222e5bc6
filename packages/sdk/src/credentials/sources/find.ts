import { CountersignError } from '../../errors.ts'
import { waitFor } from '../clock.ts'
import { isProof } from './proof.ts'
import type { ProofRequest, ProofSource } from './types.ts'

/**
 * The proof of the first source that applies.
 * @throws CountersignError no_proof, naming every source and why it was skipped; proof_unavailable; proof_invalid
 */
export async function findProof(sources: readonly ProofSource[], request: ProofRequest): Promise<string> {
  const skipped: string[] = []
  for (const source of sources) {
    const outcome = await ask(source, request)
    if ('skipped' in outcome) {
      skipped.push(`${source.name}: ${outcome.skipped}`)
      continue
    }
    if (!isProof(outcome.rawProof)) {
      throw new CountersignError('proof_invalid', { reason: `${source.name}: it is not one line of visible ASCII` })
    }
    return outcome.rawProof
  }
  throw new CountersignError('no_proof', {
    reason: skipped.length === 0 ? 'there are no sources' : printable(skipped.join('; ')),
  })
}

async function ask(source: ProofSource, request: ProofRequest) {
  try {
    // Also a source that ignores its signal ends here.
    return await waitFor(source.find(request), request.signal)
  } catch (error) {
    request.signal.throwIfAborted()
    if (error instanceof CountersignError) throw error
    // The message of a stranger's error may hold anything.
    throw new CountersignError('proof_unavailable', { reason: `${source.name}: it failed`, cause: error })
  }
}

// Reasons of an application's own sources go into a message that is logged.
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 2000)
}
