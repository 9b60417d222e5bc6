// The parent's side of a process of verifiers.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { cleanUp, type TestScope } from '../test/support/database.ts'

/** What a process of verifiers is started with. */
export interface VerifierSettings {
  readonly issuer: string
  /** Addresses that its followers talk to in turn. */
  readonly servers: readonly string[]
  readonly service: string
  readonly audience: string
  readonly proofAudience: string
  readonly verifiers: number
  /** Verifiers without a follower, beside. */
  readonly controls: number
  /** Which clocks are injected into the followers: none of them, the wall clock, or all. */
  readonly clocks: 'own' | 'wall' | 'all'
}

/** What clocks that were injected show from now on. */
export interface ClockJump {
  readonly wallMs: number
  readonly stopMonotonic: boolean
}

/** When each verifier refused first, by the machine's monotonic clock, and the longest time between two looks. */
export interface Refusals {
  readonly refusedAtMs: readonly number[]
  readonly largestGapMs: number
}

/** What one verifier did with a token that it was asked about without pause. */
export interface Usage {
  readonly isControl: boolean
  readonly instance: string
  readonly accepted: number
  readonly refused: number
  readonly acceptedPastBound: number
  readonly lastAcceptedAtMs: number
  /** Its first verdict after the process was stopped and continued; empty when it was not. */
  readonly firstAfterStop: string
  readonly last: string
}

/** What the process does when it is told to. */
export interface VerifierCommands {
  /** Resolves when every follower holds a lease. */
  ready(): Promise<void>
  /** Every verifier accepts the token. @throws what one of them throws */
  accept(token: string): Promise<void>
  /** From now on, note the first refusal of each verifier. */
  watch(token: string): Promise<void>
  refusals(): Promise<Refusals>
  /** From now on, use the token at every verifier. */
  use(token: string): Promise<void>
  /** Stop that; accepts after `boundMs` (wall clock) are counted. */
  used(boundMs: number): Promise<readonly Usage[]>
  jump(to: Partial<ClockJump>): Promise<void>
  /** One verdict of each verifier with a follower. */
  verdicts(token: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** A running process of verifiers. */
export interface VerifierProcess extends VerifierCommands {
  readonly pid: number
  signal(signal: NodeJS.Signals): void
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

const NAMES = ['ready', 'accept', 'watch', 'refusals', 'use', 'used', 'jump', 'verdicts', 'close'] as const

/** Starts the process; `proof` makes the proofs that it federates with. It ends with the scope, and with this process. */
export function startVerifiers(scope: TestScope, settings: VerifierSettings, proof: () => string): VerifierProcess {
  const child = fork(join(import.meta.dirname, 'revoke-verifiers.ts'), [JSON.stringify(settings)], {
    execArgv: ['--conditions=source'],
  })
  const waiting = new Map<number, (answer: Answer) => void>()
  let sent = 0
  let ended = false
  child.on('message', (message: Answer | { readonly wants: 'proof' }) => {
    if ('wants' in message) return void child.send({ proof: proof() })
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  })
  child.once('exit', () => {
    ended = true
    for (const [id, answer] of waiting) answer({ id, error: 'the process of verifiers has ended' })
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  cleanUp(scope, async () => {
    process.off('exit', kill)
    if (ended) return
    const exit = once(child, 'exit')
    kill()
    await exit
  })

  const command = async (name: (typeof NAMES)[number], input?: unknown): Promise<unknown> => {
    if (ended) throw new Error('the process of verifiers has ended')
    const id = ++sent
    const answer = await new Promise<Answer>((resolve) => {
      waiting.set(id, resolve)
      child.send({ id, command: name, input })
    })
    if (answer.error !== undefined) throw new Error(`${name} of ${settings.service}: ${answer.error}`)
    return answer.result
  }
  const entries = NAMES.map((name) => [name, (input?: unknown) => command(name, input)] as const)
  const commands = Object.fromEntries(entries) as unknown as VerifierCommands
  return { ...commands, pid: child.pid ?? 0, signal: (signal) => void child.kill(signal) }
}
