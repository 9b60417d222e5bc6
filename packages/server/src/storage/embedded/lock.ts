import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { ServiceError } from '../../errors.ts'
import { prepareFile } from './directory.ts'
import { toFailure } from './messages.ts'

const SQLITE_BUSY = 5

function holderOf(directory: string): string {
  try {
    const pid = readFileSync(join(directory, 'countersign.pid'), 'utf8').trim()
    return /^[0-9]{1,10}$/.test(pid) ? `process ${pid}` : 'another process'
  } catch {
    return 'another process'
  }
}

/**
 * Holds the data directory for this process until the returned function is called or the process ends, however it ends:
 * the lock is the operating system's, so that no stale one is ever left behind.
 * @throws ServiceError `data_directory_unusable` when another process, or another part of this one, holds it.
 */
export function lockDirectory(directory: string): () => void {
  const { file } = prepareFile(directory, 'countersign.lock')
  const lock = new DatabaseSync(file)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    const { errcode, message } = toFailure(error)
    if (((errcode ?? 0) & 0xff) !== SQLITE_BUSY) {
      throw new ServiceError('data_directory_unusable', {
        detail: `${file} cannot be locked: ${message}`,
        cause: error,
      })
    }
    throw new ServiceError('data_directory_unusable', {
      detail: `${directory} is in use by ${holderOf(directory)}; stop it first, use its socket, or name another data directory`,
    })
  }
  const pidFile = join(directory, 'countersign.pid')
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    lock.close()
    throw new ServiceError('data_directory_unusable', { detail: `${pidFile} cannot be written`, cause: error })
  }
  return () => {
    rmSync(pidFile, { force: true })
    lock.close()
  }
}
