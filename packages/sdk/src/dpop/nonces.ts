import { createHmac, type KeyObject, randomBytes } from 'node:crypto'
import { CountersignError } from '../errors.ts'

/** The nonces that a server asks for in proofs, so that none can be made ahead of time (RFC 9449 sections 8 and 9). */
export interface DpopNonces {
  /** The nonce to ask for now. */
  current(): string
  /** The nonces that are accepted now: the current one and the one before. */
  accepted(): readonly string[]
}

/** Options of {@link createDpopNonces}. */
export interface DpopNoncesOptions {
  /** At least 32 random bytes, the same in every process that serves one API; made at random when not given. */
  readonly secret?: Uint8Array | KeyObject
  /** How long a nonce is the current one, in seconds; 300 when not given. It is accepted for twice as long. */
  readonly lifetimeSeconds?: number
  /** The current time; the system's clock when not given. */
  readonly now?: () => Date
}

/**
 * Nonces that change with time and need no memory: a MAC over the period. Replicas that share the secret accept each other's.
 * @throws CountersignError `configuration_invalid`.
 */
export function createDpopNonces(options: DpopNoncesOptions = {}): DpopNonces {
  const { secret = randomBytes(32), lifetimeSeconds = 300, now = () => new Date() } = options
  const size = secret instanceof Uint8Array ? secret.byteLength : secret.symmetricKeySize
  if (size === undefined || size < 32) throw invalid('"secret" must have at least 32 bytes')
  if (!(Number.isSafeInteger(lifetimeSeconds) && lifetimeSeconds > 0)) {
    throw invalid('"lifetimeSeconds" must be a positive whole number')
  }
  const period = (): number => Math.floor(now().getTime() / 1000 / lifetimeSeconds)
  const nonceOf = (number: number): string =>
    createHmac('sha256', secret).update(`dpop-nonce:${lifetimeSeconds}:${number}`).digest('base64url').slice(0, 22)
  return {
    current: () => nonceOf(period()),
    accepted() {
      const number = period()
      return [nonceOf(number), nonceOf(number - 1)]
    },
  }
}

function invalid(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
