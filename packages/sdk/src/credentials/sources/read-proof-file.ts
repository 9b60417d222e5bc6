import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CountersignError } from '../../errors.ts'
import { isProof, MAX_PROOF_BYTES } from './proof.ts'

/** Which file, and how to speak of it. */
export interface ProofFile {
  readonly path: string
  /** Where relative paths begin; the working directory when not given. */
  readonly directory?: string | undefined
  /** Who named the path: a variable or an option. */
  readonly namedBy?: string | undefined
}

/**
 * The proof in a file; undefined when there is no such file.
 * @throws CountersignError proof_invalid; no message holds anything of the content
 */
export async function readProofFile(file: ProofFile): Promise<string | undefined> {
  try {
    return await readNamedProofFile(file)
  } catch (error) {
    if (error instanceof CountersignError && ['ENOENT', 'ENOTDIR'].includes(codeOf(error.cause))) return undefined
    throw error
  }
}

/** The same for a file that must be there. @throws CountersignError proof_invalid; its cause says why it cannot be read */
export async function readNamedProofFile({ path, directory = '', namedBy }: ProofFile): Promise<string> {
  const label = namedBy === undefined ? '' : `${namedBy}: `
  const invalid = (reason: string, cause?: unknown) =>
    new CountersignError('proof_invalid', { reason: `${label}${reason}`, ...(cause === undefined ? {} : { cause }) })
  // T29: a proof given where its path belongs must not be quoted in an error, which names the path.
  if (path.length > 1024 || /^[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*$/.test(path)) {
    throw invalid('the path of the proof is a proof itself; treat it as exposed')
  }
  let content: Buffer
  try {
    // Never waits for the writer of a pipe.
    const file = await open(resolve(directory, path), constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) throw invalid(`${path} is not a file`)
      const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_PROOF_BYTES + 3), 0)
      content = buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof CountersignError) throw error
    throw invalid(`${path} cannot be read (${codeOf(error)})`, error)
  }
  if (content.length > MAX_PROOF_BYTES + 2) throw invalid(`${path} is larger than 16 KiB`)
  const rawProof = content.toString('latin1').trim()
  if (rawProof === '') throw invalid(`${path} is empty`)
  if (!isProof(rawProof)) throw invalid(`${path} is not one line of visible ASCII`)
  return rawProof
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
