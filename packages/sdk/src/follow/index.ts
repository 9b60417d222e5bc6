/**
 * Following the revocations of a server. The entry point `@countersign/sdk/follow`.
 *
 * `createFollower` (follower.ts) wires clocks, timers, network and disk around what decides: follower-state.ts, a state machine
 * without any of them, which holds a revocation-set.ts and a lease.ts. model.test.ts explores it among lagging replicas, lost, late
 * and forged messages, suspended processes and moved clocks: a change of the protocol is made there first. renewal.ts asks for
 * leases, stream-reader.ts only hastens, wire.ts is the one place that reads what the server says.
 */
export { createFollower } from './follower.ts'
export type { OnUnavailable } from './lease-answer.ts'
export type { Follower, FollowerEvent, FollowerOptions, FollowerStatus } from './types.ts'
