/**
 * A model of everything around the follower: one committed log under a lock, two replicas that lag behind it, a revoker with
 * receipts, a network, and the clocks and restarts of each follower. Time is true time, in milliseconds; the followers see it only
 * through their clocks. The followers themselves are the real ones.
 */
import { resumeLease, type StoredLease, storeLease } from './disk-lease.ts'
import {
  type AnswerOutcome,
  createFollowerState,
  type FollowerMemory,
  type FollowerState,
  type LeaseRequest,
} from './follower-state.ts'
import type { FeedPage, LeaseAnswer, LoggedRevocation } from './lease-answer.ts'
import type { RevocableToken } from './revocable-token.ts'

/** The longest lease that the modelled service gives. */
export const LEASE_MS = 30_000
const SHORT_LEASE_MS = 5_000
const HOUR_MS = 3_600_000
const START = 1_800_000_000_000

interface Revision {
  readonly revision: number
  readonly tag: string
  readonly entries: readonly LoggedRevocation[]
}

/** What a revocation found out when it was committed, under the lock. */
interface Receipt {
  readonly entry: LoggedRevocation
  readonly holders: { readonly instance: string; readonly leaseUntil: number; confirmedAt?: number }[]
  /** The database was restored to a state before it. */
  lost: boolean
}

interface Replica {
  /** How far its memory has followed the log. */
  shown: readonly Revision[]
  expiredUpToMs: number
}

interface Message {
  readonly follower: number
  readonly process: number
  readonly instance: string
  readonly request: LeaseRequest
  answer?: LeaseAnswer
}

interface Disk {
  readonly memory: FollowerMemory
  readonly lease: StoredLease | undefined
}

interface Follower {
  state: FollowerState
  /** Counts its processes; an answer to a process that has ended reaches nobody. */
  process: number
  readonly instances: string[]
  known: LoggedRevocation[]
  mono: number
  boot: number
  /** Undefined: a machine without the third clock. */
  bootId: string | undefined
  wallShift: number
  readonly rate: number
  disk: Disk | undefined
  readonly oldDisks: Disk[]
}

/** One step of a run. The numbers choose among what there is at that moment. */
export interface Step {
  readonly what: StepKind
  readonly a: number
  readonly b: number
  readonly ms: number
  /** Whether every follower is asked about every token afterwards. */
  readonly observe: boolean
}

/** What can happen. */
export type StepKind = keyof typeof STEPS

/** A breach of what is promised, in words. */
export class Breach extends Error {}

/** Servers, followers, network and clocks of one run, and the true time that judges them. */
export class World {
  now = START
  log: Revision[] = [{ revision: 0, tag: '', entries: [] }]
  expiredUpToMs = 0
  leaseMs = LEASE_MS
  serviceId = 'svc-0'
  history = 0
  leases = new Map<string, { until: number; applied: number }>()
  receipts: Receipt[] = []
  tokens: RevocableToken[] = []
  replicas: Replica[] = [0, 1].map(() => ({ shown: this.log, expiredUpToMs: 0 }))
  network: Message[] = []
  followers: Follower[]
  serial = 0

  constructor(rates: readonly number[]) {
    this.followers = rates.map((rate, index) => ({
      state: createFollowerState(),
      process: 0,
      instances: [this.newInstance()],
      known: [],
      mono: 1000 * index,
      boot: 50_000,
      bootId: index === 1 ? undefined : `boot-${index}`,
      wallShift: index * 250,
      rate,
      disk: undefined,
      oldDisks: [],
    }))
    this.issue(0, 0)
  }

  newInstance(): string {
    return `instance-${this.serial++}`
  }

  get head(): number {
    return this.log.length - 1
  }

  /** The clocks of a follower's machine. */
  clocks(follower: Follower) {
    const wallMs = START + (this.now - START) * follower.rate + follower.wallShift
    const bootMs = follower.bootId === undefined ? undefined : Math.floor(follower.boot / 10) * 10
    return { monoMs: follower.mono, wallMs, bootMs, bootId: follower.bootId }
  }

  pass(ms: number, suspended?: Follower): void {
    this.now += ms
    for (const follower of this.followers) {
      if (follower !== suspended) follower.mono += ms * follower.rate
      follower.boot += ms * follower.rate
    }
  }

  issue(a: number, b: number): void {
    const issuedAtMs = Math.floor(this.now / 1000) * 1000
    // A revoked key never signs again.
    const generation = this.receipts.filter(({ entry }) => entry.kind === 'signing_key').length
    const lifeMs = pick([10_000, 60_000, 900_000], a + b) ?? 0
    this.tokens.push({
      tokenIds: [`jti-${this.tokens.length}`],
      keyIds: [`kid-${a % 2}-${generation}`],
      subjects: [`sub-${b % 3}`],
      workloadIds: [`wl-${b % 3}`],
      policyId: `pol-${a % 3}`,
      providerIds: [`tp-${b % 2}`],
      serviceId: 'svc-0',
      revision: this.head,
      issuedAtMs,
      expiresAtMs: issuedAtMs + lifeMs,
    })
  }

  /** What a revoker writes about one of the tokens. */
  entryFor(token: RevocableToken, b: number, revision: number): LoggedRevocation {
    const upTo = revision - 1
    const base = { revision, issuedBeforeMs: null, expiresAtMs: this.now + 901_000 }
    const entries: readonly LoggedRevocation[] = [
      // Final kinds, whatever revision an entry names.
      { ...base, kind: 'jti', value: token.tokenIds[0] ?? '', upToRevision: b % 2 === 0 ? null : 0 },
      { ...base, kind: 'signing_key', value: token.keyIds[0] ?? '', upToRevision: b % 2 === 0 ? null : 0 },
      { ...base, kind: 'subject', value: token.subjects[0] ?? '', upToRevision: upTo },
      { ...base, kind: 'workload', value: token.workloadIds[0] ?? '', upToRevision: upTo },
      { ...base, kind: 'policy', value: token.policyId, upToRevision: upTo },
      { ...base, kind: 'provider', value: token.providerIds[0] ?? '', upToRevision: upTo },
      { ...base, kind: 'service', value: token.serviceId, upToRevision: upTo },
      {
        ...base,
        kind: 'issued_before',
        value: String(token.issuedAtMs + 1),
        upToRevision: null,
        issuedBeforeMs: token.issuedAtMs + 1,
      },
    ]
    return (
      entries[b % 11] ?? entries[0] ?? Object.assign(base, { kind: 'jti' as const, value: 'x', upToRevision: null })
    )
  }

  /** Holds the revision lock exclusively: sees every lease that can outlive it. */
  commit(entries: readonly LoggedRevocation[]): void {
    const revision = this.head + 1
    this.log = [...this.log, { revision, tag: `${this.history}:${revision}`, entries }]
    for (const entry of entries) {
      this.receipts.push({
        entry,
        holders: [...this.leases]
          .filter(([, lease]) => lease.until > this.now)
          .map(([instance, lease]) => ({ instance, leaseUntil: lease.until })),
        lost: false,
      })
    }
  }

  page(replica: Replica, after: number, limit: number): FeedPage {
    const last = replica.shown.length - 1
    const through = last < after ? last : Math.min(last, after + limit)
    return {
      after,
      through,
      tag: replica.shown[through]?.tag ?? '',
      head: last,
      expiredUpToMs: replica.expiredUpToMs,
      entries: replica.shown
        .slice(after + 1, through + 1)
        .flatMap(({ entries }) => entries)
        .filter(({ expiresAtMs }) => expiresAtMs > replica.expiredUpToMs),
    }
  }

  /** The lease endpoint: holds the revision lock shared, and reads the committed head under it. */
  serve(message: Message, replica: Replica, limit: number): LeaseAnswer {
    const { request, instance } = message
    if (this.log[request.applied]?.tag !== request.tag) return { outcome: 'history_changed' }
    for (const receipt of this.receipts) {
      if (receipt.lost || receipt.entry.revision > request.applied) continue
      for (const holder of receipt.holders) if (holder.instance === instance) holder.confirmedAt ??= this.now
    }
    if (request.applied < this.head) return { outcome: 'behind', page: this.page(replica, request.applied, limit) }
    const before = this.leases.get(instance)?.until ?? 0
    // A lease that was granted is never shortened: its answer may be the one that arrives.
    this.leases.set(instance, { until: Math.max(before, this.now + this.leaseMs), applied: request.applied })
    return {
      ...{ outcome: 'granted', head: this.head, leaseMs: this.leaseMs },
      ...{ serviceId: this.serviceId, onUnavailable: 'deny' },
    }
  }

  send(index: number): Message {
    const follower = this.followerAt(index)
    const request = follower.state.request(this.clocks(follower))
    return { follower: index, process: follower.process, instance: follower.instances.at(-1) ?? '', request }
  }

  receive(message: Message): AnswerOutcome | undefined {
    const follower = this.followerAt(message.follower)
    if (message.answer === undefined || message.process !== follower.process) return undefined
    if (message.answer.outcome === 'behind') this.learn(follower, message.answer.page.entries)
    return follower.state.answer(message.request, message.answer, this.clocks(follower))
  }

  learn(follower: Follower, entries: readonly LoggedRevocation[]): void {
    follower.known.push(...entries)
  }

  followerAt(index: number): Follower {
    const follower = this.followers[index % this.followers.length]
    if (follower === undefined) throw new Error('no follower')
    return follower
  }

  /** Starts the next process of a follower from what the disk holds. */
  start(follower: Follower, disk: Disk | undefined): void {
    follower.process++
    follower.instances.push(this.newInstance())
    follower.disk = undefined
    const lease = disk?.lease ? resumeLease(disk.lease, this.clocks(follower)) : undefined
    follower.state = createFollowerState(disk && { ...disk.memory, lease })
    follower.known = []
  }

  save(follower: Follower, withLease: boolean): void {
    const memory = follower.state.memory()
    const lease = withLease && memory.lease ? storeLease(memory.lease, follower.bootId) : undefined
    if (follower.disk !== undefined) follower.oldDisks.push(follower.disk)
    follower.disk = { memory, lease }
    if (lease !== undefined) follower.oldDisks.push(follower.disk)
  }

  take(step: Step): void {
    STEPS[step.what](this, step)
    if (step.observe) this.observe()
  }

  /** Asks every follower about every token, and holds each acceptance against what was promised. */
  observe(): void {
    for (const follower of this.followers) {
      for (const token of this.tokens) {
        // As in the follower: the third clock is not read for a token.
        const { monoMs, wallMs } = this.clocks(follower)
        if (follower.state.judge(token, { monoMs, wallMs }) === 'accepted') this.assertMayAccept(follower, token)
      }
    }
  }

  assertMayAccept(follower: Follower, token: RevocableToken): void {
    const { now } = this
    for (const { entry, holders, lost } of this.receipts) {
      if (lost || !matches(entry, token)) continue
      const bound = holders.some(
        ({ instance, leaseUntil, confirmedAt }) =>
          follower.instances.includes(instance) && confirmedAt === undefined && leaseUntil >= now,
      )
      if (!bound)
        throw new Breach(`accepted past effective_everywhere_at: ${JSON.stringify({ entry, token, holders, now })}`)
    }
    // While a token that it covers could be valid: with a restored database, later tokens may fall under it too.
    const forgotten = follower.known.find((entry) => matches(entry, token) && entry.expiresAtMs >= token.expiresAtMs)
    if (forgotten) throw new Breach(`forgot a revocation: ${JSON.stringify({ forgotten, token })}`)
  }

  /** The faults have stopped: each follower gets a lease again, and knows the head. */
  assertRecovers(): void {
    this.network = []
    this.pass(1_100)
    for (const replica of this.replicas) this.catchUp(replica)
    // A restored history may have ended the tokens of the other one for later revisions too.
    this.serviceId = 'svc-fresh'
    this.tokens.push({
      tokenIds: ['jti-fresh'],
      keyIds: ['kid-fresh'],
      subjects: ['sub-fresh'],
      workloadIds: ['wl-fresh'],
      policyId: 'pol-fresh',
      providerIds: ['tp-fresh'],
      serviceId: 'svc-fresh',
      revision: this.head,
      issuedAtMs: this.now + HOUR_MS,
      expiresAtMs: this.now + 2 * HOUR_MS,
    })
    for (const [index, follower] of this.followers.entries()) {
      let outcome: AnswerOutcome | undefined
      for (let round = 0; round < this.head + 4 && outcome !== 'granted'; round++) outcome = this.exchange(index, 0, 3)
      const at = this.clocks(follower)
      if (outcome !== 'granted' || !follower.state.holdsLease(at)) throw new Breach(`no lease: ${outcome}`)
      if (follower.state.applied !== this.head) throw new Breach('the head is not applied')
      for (const token of this.tokens) {
        const revoked = this.log.some(({ entries }) => entries.some((entry) => matches(entry, token)))
        const verdict = follower.state.judge(token, at)
        if (revoked && verdict !== 'revoked') throw new Breach('a revocation of the head is not applied')
      }
      const fresh = this.tokens.at(-1)
      if (fresh && follower.state.judge(fresh, at) !== 'accepted') throw new Breach('a good token is refused')
    }
    this.observe()
    this.tokens.pop()
    this.serviceId = 'svc-0'
  }

  catchUp(replica: Replica): void {
    replica.shown = this.log
    replica.expiredUpToMs = this.expiredUpToMs
  }

  exchange(index: number, replica: number, limit: number): AnswerOutcome | undefined {
    const message = this.send(index)
    message.answer = this.serve(message, this.replicas[replica % 2] as Replica, limit)
    return this.receive(message)
  }
}

/** Whether a revocation ends a token: written again here, from the contract, and not from the code under test. */
function matches(entry: LoggedRevocation, token: RevocableToken): boolean {
  const upTo = entry.upToRevision !== null && token.revision <= entry.upToRevision
  switch (entry.kind) {
    case 'jti':
      return token.tokenIds.includes(entry.value)
    case 'signing_key':
      return token.keyIds.includes(entry.value)
    case 'subject':
      return token.subjects.includes(entry.value) && upTo
    case 'workload':
      return token.workloadIds.includes(entry.value) && upTo
    case 'policy':
      return token.policyId === entry.value && upTo
    case 'provider':
      return token.providerIds.includes(entry.value) && upTo
    case 'service':
      return token.serviceId === entry.value && upTo
    case 'issued_before':
      return entry.issuedBeforeMs !== null && token.issuedAtMs < entry.issuedBeforeMs
  }
}

function pick<T>(items: readonly T[], choice: number): T | undefined {
  return items[choice % Math.max(1, items.length)]
}

const STEPS = {
  // The world
  pass: (world: World, { ms }: Step) => world.pass(ms),
  issue: (world: World, { a, b }: Step) => world.issue(a, b),
  revoke(world: World, { a, b }: Step) {
    const token = pick(world.tokens, a)
    if (token) world.commit([world.entryFor(token, b, world.head + 1)])
  },
  change: (world: World) => world.commit([]),
  setMaxStale(world: World) {
    world.leaseMs = world.leaseMs === LEASE_MS ? SHORT_LEASE_MS : LEASE_MS
  },
  purge(world: World) {
    world.expiredUpToMs = world.now
  },
  follow: (world: World, { a }: Step) => world.catchUp(world.replicas[a % 2] as Replica),
  /** A backup is brought back. That takes longer than a lease: one that the backup does not know of is over. */
  restoreDatabase(world: World, { a }: Step) {
    world.pass(LEASE_MS)
    const keep = Math.max(1, world.log.length - (a % 4))
    world.history++
    world.log = world.log.slice(0, keep)
    world.leases.clear()
    for (const receipt of world.receipts) if (receipt.entry.revision >= keep) receipt.lost = true
    if (a % 3 > 0) for (const replica of world.replicas) world.catchUp(replica)
  },
  // Requests and answers, which are lost, late, repeated and out of order
  exchange: (world: World, { a, b }: Step) => void world.exchange(a, b, 1 + (b % 3)),
  renew(world: World, { a, b, ms }: Step) {
    if (ms % 2 === 0) world.catchUp(world.replicas[b % 2] as Replica)
    for (let round = 0; round < 4 && world.exchange(a, b, 5) !== 'granted'; round++) world.pass(1)
  },
  send(world: World, { a }: Step) {
    world.network.push(world.send(a))
  },
  serve(world: World, { a, b }: Step) {
    const message = pick(
      world.network.filter(({ answer }) => answer === undefined),
      a,
    )
    // Once more for a request that the network repeats: the answer that is read may be either.
    if (message) message.answer = world.serve(message, world.replicas[b % 2] as Replica, 1 + (b % 3))
    if (message && b % 5 === 0) world.network.push({ ...message })
  },
  repeat(world: World, { a, b }: Step) {
    const message = pick(world.network, a)
    if (message) world.serve(message, world.replicas[b % 2] as Replica, 2)
  },
  deliver(world: World, { a, b }: Step) {
    const message = pick(
      world.network.filter(({ answer }) => answer !== undefined),
      a,
    )
    if (message) world.receive(message)
    if (b % 3 > 0) world.network = world.network.filter((other) => other !== message)
  },
  lose(world: World, { a }: Step) {
    world.network = world.network.filter((message) => message !== pick(world.network, a))
  },
  // The event stream: true, cut, old, forged
  stream(world: World, { a, b }: Step) {
    const follower = world.followerAt(a)
    const replica = world.replicas[b % 2] as Replica
    const page = world.page(replica, Math.max(0, replica.shown.length - 1 - (b % 4)), 5)
    // A part of the entries under the header of the whole.
    const entries = page.entries.filter((_, index) => b % 3 > 0 || index % 2 === 0)
    world.learn(follower, entries)
    follower.state.hasten({ ...page, entries })
  },
  forge(world: World, { a, b, ms }: Step) {
    const follower = world.followerAt(a)
    const token = pick(world.tokens, b)
    const entries = token && b % 2 === 0 ? [world.entryFor(token, b, world.head + (b % 5))] : []
    const page: FeedPage = {
      after: 0,
      through: world.head + (b % 3),
      tag: world.log.at(-1)?.tag ?? '',
      head: world.head + (b % 3),
      expiredUpToMs: b % 4 === 0 ? START + HOUR_MS * 1e4 : ms,
      entries: entries.map((entry) => (b % 3 === 0 ? { ...entry, expiresAtMs: 1 } : entry)),
    }
    world.learn(
      follower,
      page.entries.filter(({ expiresAtMs }) => expiresAtMs > 1),
    )
    follower.state.hasten(page)
  },
  // Processes, machines and their clocks
  /**
   * The monotonic clock stands still. When the machine goes on, so do the timers, which read the third clock before long. Without
   * that clock, a wall clock that is set back by as much is beyond the follower, and left out here.
   */
  suspend(world: World, { a, b, ms }: Step) {
    const follower = world.followerAt(a)
    world.pass(ms, follower)
    if (follower.bootId === undefined) return
    follower.wallShift -= b % 4 === 0 ? ms : 0
    follower.state.holdsLease(world.clocks(follower))
  },
  setClock(world: World, { a, b, ms }: Step) {
    const follower = world.followerAt(a)
    const hour = b % 2 === 0 ? HOUR_MS : -HOUR_MS
    follower.wallShift += follower.bootId === undefined ? hour : (pick([hour, ms, -ms, 500, -900], b) ?? 0)
  },
  saveSnapshot: (world: World, { a }: Step) => world.save(world.followerAt(a), false),
  stopAndStart(world: World, { a, b, ms }: Step) {
    const follower = world.followerAt(a)
    world.save(follower, true)
    world.pass(ms)
    follower.wallShift -= b % 3 === 0 ? ms : 0
    world.start(follower, follower.disk)
  },
  crash(world: World, { a }: Step) {
    const follower = world.followerAt(a)
    world.start(follower, follower.disk)
  },
  /** Without a file: the lease is ended at the server, and nothing is left. */
  stopForGood(world: World, { a }: Step) {
    const follower = world.followerAt(a)
    const instance = follower.instances.at(-1) ?? ''
    world.leases.delete(instance)
    for (const { holders } of world.receipts) {
      for (const holder of holders) if (holder.instance === instance) holder.confirmedAt ??= world.now
    }
    world.start(follower, undefined)
  },
  /** The clocks may come up as if no time had gone by. */
  reboot(world: World, { a, b, ms }: Step) {
    const follower = world.followerAt(a)
    world.save(follower, true)
    const { boot } = follower
    world.pass(ms)
    follower.wallShift -= b % 3 > 0 ? ms : 0
    follower.boot = b % 2 === 0 ? boot : b * 1000
    if (follower.bootId !== undefined) follower.bootId += '+'
    world.start(follower, follower.disk)
  },
  /** A file from before is put back. A lease in it is one whose process has ended: nothing was confirmed under it afterwards. */
  restoreFile(world: World, { a, b }: Step) {
    const follower = world.followerAt(a)
    world.start(follower, pick(follower.oldDisks, b))
  },
}

/** Every step with how often it is taken. */
export const STEP_WEIGHTS: Readonly<Record<StepKind, number>> = {
  pass: 12,
  issue: 3,
  revoke: 9,
  change: 2,
  setMaxStale: 1,
  purge: 2,
  follow: 4,
  restoreDatabase: 1,
  exchange: 4,
  renew: 8,
  send: 6,
  serve: 7,
  repeat: 2,
  deliver: 7,
  lose: 1,
  stream: 5,
  forge: 3,
  suspend: 2,
  setClock: 3,
  saveSnapshot: 2,
  stopAndStart: 2,
  crash: 1,
  stopForGood: 1,
  reboot: 1,
  restoreFile: 1,
}
