import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import process from 'node:process'
import { formatSnapshot, parseSnapshot, type Snapshot, type SnapshotOwner } from './snapshot.ts'

const MAX_BYTES = 64 * 1_048_576

/** The file in which a follower keeps what it knows. */
export interface SnapshotFile {
  /** The snapshot, or undefined when there is none. @throws Error, in fixed words or of the system, when it cannot be used */
  read(): Snapshot | undefined
  /** Puts a snapshot in its place, readable by this user alone. @throws Error of the system when it cannot be written */
  write(snapshot: Snapshot): Promise<void>
}

/** The snapshot file at a path. */
export function openSnapshotFile(path: string, owner: SnapshotOwner): SnapshotFile {
  return {
    read() {
      const file = openExisting(path)
      if (file === undefined) return undefined
      try {
        const found = fstatSync(file)
        const userId = process.geteuid?.() ?? found.uid
        // Whoever can write it could take revocations out of it, or give it a lease.
        if (!found.isFile() || (found.mode & 0o077) !== 0 || found.uid !== userId) {
          throw new Error('the file is not a regular file that belongs to this user alone')
        }
        const snapshot = found.size > MAX_BYTES ? undefined : parseSnapshot(readFileSync(file, 'utf8'), owner)
        if (snapshot === undefined) throw new Error('the file is not a snapshot of this follower')
        return snapshot
      } finally {
        closeSync(file)
      }
    },
    async write(snapshot) {
      const fresh = `${path}.${randomBytes(6).toString('hex')}`
      try {
        const file = await open(fresh, 'wx', 0o600)
        try {
          await file.writeFile(formatSnapshot(snapshot, owner))
        } finally {
          await file.close()
        }
        await rename(fresh, path)
      } catch (error) {
        await rm(fresh, { force: true })
        throw error
      }
    },
  }
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
