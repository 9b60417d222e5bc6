import type { AccessKey, Probe } from './access-keys.ts'
import type { ClaimView } from './claim-view.ts'

/** What the tree holds: an item and, per indexable condition part, the keys of which one must be found. */
export interface Indexed<Item> {
  readonly item: Item
  readonly choices: readonly (readonly AccessKey[])[]
}

/** A node: items to try one by one, and lookups that lead to further nodes. */
export interface PolicyTree<Item> {
  readonly items: readonly Item[]
  readonly lookups: readonly {
    readonly probe: Probe
    /** Keys that lead to one item; kept apart because nearly all do, and a decision then touches the least memory. */
    readonly single: ReadonlyMap<AccessKey['key'], Item>
    readonly branches: ReadonlyMap<AccessKey['key'], PolicyTree<Item>>
  }[]
}

// Trying this many policies one by one is cheaper than one more lookup.
const LEAF_SIZE = 4
// How often one item may stand in the tree, on account of `in` lists; bounds memory.
const MAX_COPIES = 64

interface Pending<Item> extends Indexed<Item> {
  readonly copies: number
}

/** How many items each key would find. */
type Crowd = ReadonlyMap<Probe, ReadonlyMap<AccessKey['key'], number>>

function countKeys<Item>(entries: readonly Pending<Item>[]): Crowd {
  const crowd = new Map<Probe, Map<AccessKey['key'], number>>()
  for (const { choices } of entries) {
    for (const choice of choices) {
      for (const { probe, key } of choice) {
        let counts = crowd.get(probe)
        if (!counts) {
          counts = new Map()
          crowd.set(probe, counts)
        }
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
  }
  return crowd
}

/** The choice whose most crowded key is the least crowded, if it tells the items apart at all. */
function bestChoice<Item>(entry: Pending<Item>, crowd: Crowd, all: number): readonly AccessKey[] | undefined {
  let best: readonly AccessKey[] | undefined
  let least = all
  for (const choice of entry.choices) {
    if (choice.length * entry.copies > MAX_COPIES) continue
    let most = 0
    for (const { probe, key } of choice) most = Math.max(most, crowd.get(probe)?.get(key) ?? 0)
    if (most < least) {
      least = most
      best = choice
    }
  }
  return best
}

const NO_LOOKUPS: PolicyTree<never>['lookups'] = []

function grow<Item>(entries: readonly Pending<Item>[]): PolicyTree<Item> {
  if (entries.length <= LEAF_SIZE) return { items: entries.map((entry) => entry.item), lookups: NO_LOOKUPS }
  const crowd = countKeys(entries)
  const items: Item[] = []
  const grouped = new Map<Probe, Map<AccessKey['key'], Pending<Item>[]>>()
  for (const entry of entries) {
    const choice = bestChoice(entry, crowd, entries.length)
    if (!choice) {
      items.push(entry.item)
      continue
    }
    // The chosen part has done its work; what is left tells apart those that share it.
    const below: Pending<Item> = {
      item: entry.item,
      choices: entry.choices.filter((other) => other !== choice),
      copies: entry.copies * choice.length,
    }
    for (const { probe, key } of choice) {
      let branches = grouped.get(probe)
      if (!branches) {
        branches = new Map()
        grouped.set(probe, branches)
      }
      const branch = branches.get(key)
      if (!branch) branches.set(key, [below])
      // `in: [x, x]`, or two values that fold to one.
      else if (branch[branch.length - 1] !== below) branch.push(below)
    }
  }
  const lookups = [...grouped].map(([probe, keys]) => {
    const single = new Map<AccessKey['key'], Item>()
    const branches = new Map<AccessKey['key'], PolicyTree<Item>>()
    for (const [key, below] of keys) {
      const [first] = below
      if (below.length === 1 && first) single.set(key, first.item)
      else branches.set(key, grow(below))
    }
    return { probe, single, branches }
  })
  return { items, lookups }
}

/**
 * Grows the index: each node splits its policies by the most selective key that each of them has, and again below, so that a
 * decision tries few policies however many there are, also when all share their equalities and differ only by a glob or by
 * combinations of values.
 */
export function growPolicyTree<Item>(entries: readonly Indexed<Item>[]): PolicyTree<Item> {
  return grow(entries.map((entry) => ({ ...entry, copies: 1 })))
}

/** Calls back with every item that may match the claims: never misses one that does, may bring one twice. */
export function visitPolicyTree<Item>(tree: PolicyTree<Item>, view: ClaimView, visit: (item: Item) => void): void {
  for (const item of tree.items) visit(item)
  for (const { probe, single, branches } of tree.lookups) {
    view.forEachKey(probe, (key) => {
      const item = single.get(key)
      if (item !== undefined) visit(item)
      else if (branches.size > 0) {
        const branch = branches.get(key)
        if (branch) visitPolicyTree(branch, view, visit)
      }
    })
  }
}
