import { type FileHandle, open, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { cliFault } from './faults.ts'
import { printable } from './terminal/printable.ts'
import type { CliContext } from './types.ts'

/** A new file that only its owner can read. */
export interface PrivateFile {
  /** Its path for messages. */
  readonly shown: string
  write(content: Uint8Array | string): Promise<void>
  /** Ends it; unless complete, removes it again. */
  close(complete: boolean): Promise<void>
}

/**
 * Creates a file with mode 0600; never opens one that exists, also not through a link (O_EXCL), so that no file of another
 * mode or owner ever receives the content.
 * @throws CliFault output_exists, output_unwritable
 */
export async function createPrivateFile(path: string, context: Pick<CliContext, 'cwd'>): Promise<PrivateFile> {
  const absolute = resolve(context.cwd, path)
  const handle: FileHandle = await open(absolute, 'wx', 0o600).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code === 'EEXIST') throw cliFault('output_exists', `${path} exists; it was not touched`)
    throw cliFault('output_unwritable', `${path} cannot be created (${code})`)
  })
  return {
    shown: printable(path),
    async write(content) {
      await handle.writeFile(content)
    },
    async close(complete) {
      await handle.close()
      if (!complete) await unlink(absolute)
    },
  }
}
