import { CountersignError } from '../errors.ts'
import type { Principal } from './principal.ts'

// Beside the requests and not in them: nothing that a request carries, and no body parser, can put a principal there.
const principals = new WeakMap<object, Principal>()

/** Notes who sends a request. Only adapters do, and only for what a gate has admitted. */
export function recordPrincipal(request: object, principal: Principal): void {
  principals.set(request, principal)
}

/**
 * Who sends a request that `protect` has admitted.
 * @throws CountersignError `configuration_invalid` for any other: a route that forgot `protect` fails instead of answering.
 */
export function principalOf(request: object): Principal {
  const principal = principals.get(request)
  if (principal === undefined) {
    throw new CountersignError('configuration_invalid', { reason: 'the route is not behind "protect"' })
  }
  return principal
}
