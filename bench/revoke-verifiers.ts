// A process with many verifiers, each with a follower of its own; the commands of its parent come over IPC (see
// revoke-verifier-process.ts). It ends with its parent.
import process from 'node:process'
import {
  createRemoteKeySet,
  createTokenVerifier,
  isCountersignError,
  type TokenVerifier,
  type VerifiedToken,
} from '@countersign/sdk'
import { callbackSource, createCredentialClient } from '@countersign/sdk/credentials'
import { createFollower, type Follower } from '@countersign/sdk/follow'
import type { ClockJump, Refusals, Usage, VerifierCommands, VerifierSettings } from './revoke-verifier-process.ts'

const POLL_MS = 5
const WATCH_LIMIT_MS = 30_000
/** A pause between two looks that is no timer's lateness: the process was stopped. */
const STOPPED_MS = 1_000

const settings = JSON.parse(process.argv[2] ?? '') as VerifierSettings
const { issuer, servers, service, audience } = settings
const awaitedProofs: ((proof: string) => void)[] = []
const credentials = createCredentialClient({
  server: issuer,
  audience: `${issuer}/v1`,
  scope: `verify:${service}`,
  proofAudience: settings.proofAudience,
  sources: [
    callbackSource(
      () =>
        new Promise<string>((resolve) => {
          awaitedProofs.push(resolve)
          process.send?.({ wants: 'proof' })
        }),
    ),
  ],
})
const keys = createRemoteKeySet({ issuer, allowLoopbackHttp: true })
const jump: { -readonly [Name in keyof ClockJump]: ClockJump[Name] } = { wallMs: 0, stopMonotonic: false }
let stoppedAtMs = 0
const clocks = {
  now: () => new Date(Date.now() + jump.wallMs),
  ...(settings.clocks === 'all' && { monotonicMs: () => (jump.stopMonotonic ? stoppedAtMs : performance.now()) }),
}

interface Verifying {
  readonly verifier: TokenVerifier
  readonly follower: Follower | undefined
}

function createVerifying(server: string | undefined): Verifying {
  const follower =
    server === undefined
      ? undefined
      : createFollower({ server, service, credentials, ...(settings.clocks !== 'own' && clocks) })
  const verifier = createTokenVerifier({
    issuer,
    audience,
    keys,
    cache: true,
    cacheEntries: 16,
    ...(follower && { revocations: follower }),
  })
  return { verifier, follower }
}

const followed = Array.from({ length: settings.verifiers }, (_, index) =>
  createVerifying(servers[index % servers.length]),
)
// The controls: they verify everything but revocation.
const all = [...followed, ...Array.from({ length: settings.controls }, () => createVerifying(undefined))]

/** Of the monotonic clock that all processes of this machine share. */
const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6

type Verdict = 'accepted' | 'unknown' | string

function verdictOf(verifier: TokenVerifier, token: string): Verdict {
  try {
    return verifier.verifySync(token) === undefined ? 'unknown' : 'accepted'
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  if (isCountersignError(error)) return error.code
  throw error
}

/** The token that each verifier accepted last. */
const accepted = new Map<TokenVerifier, VerifiedToken>()
let refusals: Promise<Refusals> | undefined

/** Looks at every verifier that has not refused yet, again and again. */
function watchRefusals(token: string): Promise<Refusals> {
  const refusedAtMs: number[] = Array.from({ length: followed.length }, () => Number.NaN)
  let left = followed.map((_, index) => index)
  let largestGapMs = 0
  let lastLookMs = monotonicMs()
  const deadline = lastLookMs + WATCH_LIMIT_MS
  return new Promise((resolve, reject) => {
    const look = () => {
      const nowMs = monotonicMs()
      largestGapMs = Math.max(largestGapMs, nowMs - lastLookMs)
      lastLookMs = nowMs
      left = left.filter((index) => {
        const { verifier, follower } = followed[index] as Verifying
        const known = accepted.get(verifier)
        // What a verifier asks its follower at each use of a token; without the rest of the verification, hundreds can be asked often.
        if (known && follower?.checkSync(known) === 'accepted') return true
        const verdict = verdictOf(verifier, token)
        if (verdict === 'accepted') return true
        if (verdict !== 'token_revoked') reject(new Error(`verifier ${index}: ${verdict}`))
        refusedAtMs[index] = monotonicMs()
        return false
      })
      if (left.length === 0) resolve({ refusedAtMs, largestGapMs })
      else if (nowMs > deadline) reject(new Error(`${left.length} verifiers still accept`))
      else setTimeout(look, POLL_MS)
    }
    look()
  })
}

interface Use {
  acceptedAtMs: number[]
  refused: number
  firstAfterStop: string | undefined
  last: Verdict
  asking: boolean
}

let stopUsing: (() => readonly Use[]) | undefined

/** Uses a token at every verifier until told to stop. Wall clock, the machine's own. */
function startUsing(token: string): () => readonly Use[] {
  const uses = all.map(
    (): Use => ({ acceptedAtMs: [], refused: 0, firstAfterStop: undefined, last: '', asking: false }),
  )
  let lastLookMs = performance.now()
  let timer: NodeJS.Timeout | undefined
  const note = (use: Use, verdict: Verdict, atMs: number) => {
    use.last = verdict
    if (verdict === 'accepted') use.acceptedAtMs.push(atMs)
    else use.refused += 1
  }
  const look = () => {
    const wasStopped = performance.now() - lastLookMs > STOPPED_MS
    for (const [index, { verifier }] of all.entries()) {
      const use = uses[index] as Use
      // Before the question: a process that is stopped between answer and clock has not accepted late.
      const atMs = Date.now()
      const verdict = verdictOf(verifier, token)
      if (wasStopped) use.firstAfterStop ??= verdict
      if (verdict !== 'unknown') note(use, verdict, atMs)
      else if (!use.asking) {
        use.asking = true
        // One that waits for a lease accepts when it has waited, so it is dated by its end.
        verifier
          .verify(token)
          .then(() => 'accepted', codeOf)
          .then((late) => {
            use.asking = false
            note(use, late, Date.now())
          })
      }
    }
    lastLookMs = performance.now()
    timer = setTimeout(look, POLL_MS)
  }
  look()
  return () => {
    clearTimeout(timer)
    return uses
  }
}

function toUsage(uses: readonly Use[], boundMs: number): readonly Usage[] {
  return uses.map(({ acceptedAtMs, refused, firstAfterStop, last }, index) => ({
    isControl: index >= followed.length,
    instance: all[index]?.follower?.state().instance ?? '',
    accepted: acceptedAtMs.length,
    refused,
    acceptedPastBound: acceptedAtMs.filter((atMs) => atMs > boundMs).length,
    lastAcceptedAtMs: Math.max(0, ...acceptedAtMs),
    firstAfterStop: firstAfterStop ?? '',
    last,
  }))
}

const commands: VerifierCommands = {
  async ready() {
    await Promise.all(followed.map(({ follower }) => follower?.ready({ timeoutMs: WATCH_LIMIT_MS })))
  },
  async accept(token) {
    for (const { verifier } of all) accepted.set(verifier, await verifier.verify(token))
  },
  async watch(token) {
    refusals = watchRefusals(token)
    // Its failure is the answer of `refusals`.
    refusals.catch(() => {})
  },
  async refusals() {
    if (!refusals) throw new Error('nothing is watched')
    return refusals
  },
  async use(token) {
    stopUsing = startUsing(token)
  },
  async used(boundMs) {
    if (!stopUsing) throw new Error('nothing is used')
    return toUsage(stopUsing(), boundMs)
  },
  async jump(to) {
    stoppedAtMs = performance.now()
    Object.assign(jump, to)
  },
  async verdicts(token) {
    const verdicts = followed.map(({ verifier }) => verifier.verify(token).then(() => 'accepted', codeOf))
    return Promise.all(verdicts)
  },
  async close() {
    await Promise.all(followed.map(({ follower }) => follower?.close()))
    credentials.close()
  },
}

process.on('disconnect', () => process.exit(0))
process.on('message', (message: { proof: string } | { id: number; command: keyof VerifierCommands; input: never }) => {
  if ('proof' in message) return void awaitedProofs.shift()?.(message.proof)
  const { id, command, input } = message
  commands[command](input).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  )
})
