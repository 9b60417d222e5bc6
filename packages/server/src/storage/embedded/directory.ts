import { accessSync, chmodSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ServiceError } from '../../errors.ts'
import type { StorageLogger } from '../engine.ts'

function unusable(detail: string, cause?: unknown): ServiceError {
  return new ServiceError('data_directory_unusable', { detail, cause })
}

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/**
 * Makes the data directory with mode 0700 if it is missing (its parent must exist), and sees to it that it can be used.
 * @throws ServiceError `data_directory_unusable`, saying what to do.
 */
export function prepareDirectory(directory: string, logger: StorageLogger | undefined): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
    return
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') {
      throw unusable(
        `${dirname(directory)} does not exist; create it, or correct the path of the data directory`,
        error,
      )
    }
    if (code !== 'EEXIST') {
      throw unusable(`${directory} cannot be created (${code ?? 'unknown error'}); check who may write there`, error)
    }
  }
  const stats = statSync(directory, { throwIfNoEntry: false })
  if (!stats?.isDirectory()) {
    throw unusable(`${directory} is not a directory; move it away, or name another data directory`)
  }
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable(`${directory} is not writable for this user; give it to the user that runs the server`, error)
  }
  // Volumes of containers come like this, so it is said and not refused.
  if ((stats.mode & 0o022) !== 0) {
    logger?.warn(
      { directory },
      'the data directory is writable for other users: they could replace its files; use mode 0700',
    )
  }
}

/** A file in the data directory, made with mode 0600 when it is missing. `made` says whether it was. */
export function prepareFile(directory: string, name: string): { readonly file: string; readonly made: boolean } {
  const file = join(directory, name)
  try {
    // Made before SQLite opens it, because SQLite would make it readable for others.
    closeSync(openSync(file, 'wx', 0o600))
    return { file, made: true }
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw unusable(`${file} cannot be created (${codeOf(error) ?? 'unknown error'})`, error)
    }
  }
  const stats = statSync(file)
  if (!stats.isFile()) throw unusable(`${file} is not a file; move it away`)
  try {
    if ((stats.mode & 0o077) !== 0) chmodSync(file, 0o600)
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw unusable(`${file} is not writable for this user; give it to the user that runs the server`, error)
  }
  return { file, made: false }
}
