import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 8192
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** `size` fresh bytes of the system's CSPRNG, at most 1024; drawn many at a time, because each call to it costs a system call. */
export function randomBytes(size: number): Uint8Array {
  if (used + size > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  used += size
  return new Uint8Array(pool.subarray(used - size, used))
}
