import { ALL_MANAGEMENT_SCOPES, expandRoles } from './scopes.ts'
import type { Actor } from './types.ts'

/** The actor behind the local socket: the operating system let it in, and it holds every scope (design section 7). */
export const LOCAL_SOCKET_ACTOR: Actor = {
  id: 'local-socket',
  kind: 'local-socket',
  scopes: new Set(ALL_MANAGEMENT_SCOPES),
}

/** The actor behind a verified token of ours for the management audience. */
export function workloadActor(token: {
  readonly workloadId: string
  readonly scopes: readonly string[]
  readonly policyId: string
  readonly expiresAt?: Date
  readonly isCurrent?: () => boolean
}): Actor {
  return {
    id: token.workloadId,
    kind: 'workload',
    scopes: new Set(expandRoles(token.scopes)),
    policyId: token.policyId,
    ...(token.expiresAt === undefined ? {} : { expiresAt: token.expiresAt }),
    ...(token.isCurrent === undefined ? {} : { isCurrent: token.isCurrent }),
  }
}

/** How events name the actor. */
export function actorName(actor: Actor): string {
  return actor.kind === 'local-socket' ? 'local-socket' : `workload:${actor.id}`
}
