/** A map that forgets: holds at most twice `limit` entries, and keeps what was used lately. */
export interface BoundedMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  clear(): void
  readonly size: number
}

/**
 * A {@link BoundedMap} of two generations: when the young one is full it becomes the old one, and what was in the old
 * one and not asked for since is dropped. Constant time per call, no order to maintain, and strangers who fill it can
 * only push out entries, never grow it.
 */
export function createBoundedMap<V>(limit: number): BoundedMap<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()

  function set(key: string, value: V): void {
    if (young.size >= limit && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }

  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const aged = old.get(key)
      if (aged !== undefined) {
        old.delete(key)
        set(key, aged)
      }
      return aged
    },
    set(key, value) {
      old.delete(key)
      set(key, value)
    },
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
    clear() {
      young.clear()
      old.clear()
    },
    get size() {
      return young.size + old.size
    },
  }
}
