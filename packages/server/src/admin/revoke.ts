import { ServiceError } from '../errors.ts'
import type { Revoke, Revoked, RevokeInput } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { actorName } from './actor.ts'
import type { Actor, Administration } from './types.ts'

/** Kinds whose documents can be disabled: afterwards nothing new is issued through them. */
const DISABLED_AS: Readonly<Partial<Record<RevokeInput['kind'], string>>> = {
  policy: 'trust-policies',
  provider: 'trust-providers',
  service: 'services',
}

/** What revoking at an administrator's word needs. */
export interface RevokeCredentialsDeps {
  readonly database: Database<Tables>
  readonly administration: Pick<Administration, 'setEnabled'>
  readonly revoke: Revoke
  /** Revokes a signing key: out of the key set, with its tokens; a new one signs in its place. */
  readonly revokeKey: (command: {
    readonly kid: string
    readonly reason: string
    readonly actor: string
  }) => Promise<Revoked>
}

/** What an administrator wants to end. */
export interface RevokeCredentialsInput extends Pick<RevokeInput, 'kind' | 'value' | 'reason' | 'force'> {
  readonly actor: Actor
  /** Disable what it was issued through as well, in the same transaction. */
  readonly disable?: boolean
}

/**
 * Revokes what has been issued and, if asked to, disables what it was issued through, both or neither. A signing key never stays in
 * use while its tokens are refused: it is taken out of the ring in the same step.
 * @throws ServiceError not_found, validation_failed, forbidden (disabling or keys without their own scope), escalation_refused, conflict
 */
export function createRevokeCredentials(
  deps: RevokeCredentialsDeps,
): (input: RevokeCredentialsInput) => Promise<Revoked> {
  const { database, administration, revoke } = deps
  return async ({ actor, kind, value, reason, force, disable }) => {
    const by = { actor: actorName(actor), ...(actor.kind === 'workload' ? { workloadId: actor.id } : {}) }
    const plural = DISABLED_AS[kind]
    if (disable === true && plural === undefined) throw notDisabled(kind)
    const prepared = await revoke.prepare({ kind, value, reason, ...by, ...(force === undefined ? {} : { force }) })
    if (kind === 'signing_key') {
      if (actor.kind !== 'local-socket' && !actor.scopes.has('signing-keys:write')) {
        throw new ServiceError('forbidden', { detail: 'it takes signing-keys:write' })
      }
      // With `force` there is no key to take out: what a restored database has forgotten.
      const isKnown = force !== true || (await isRegistered(prepared.values[0], kind))
      if (isKnown) return deps.revokeKey({ kid: prepared.values[0], reason, actor: by.actor })
    }
    let revoked: Revoked | undefined
    if (disable === true && plural !== undefined) {
      await administration.setEnabled({
        actor,
        plural,
        id: prepared.values[0],
        enabled: false,
        within: async (tx) => {
          revoked = await revoke.commit(tx, prepared)
        },
      })
    }
    // Also where it was disabled already: then there was nothing to change.
    revoked ??= await database.transaction((tx) => revoke.commit(tx, prepared))
    await database.revisions.refresh()
    return revoked
  }

  async function isRegistered(value: string, kind: RevokeInput['kind']): Promise<boolean> {
    try {
      await revoke.prepare({ kind, value, reason: '', actor: '' })
      return true
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'not_found') return false
      throw error
    }
  }
}

function notDisabled(kind: string): ServiceError {
  return new ServiceError('validation_failed', {
    problems: [
      {
        pointer: '/disable',
        code: 'cannot_be_disabled',
        detail: `a ${kind} is not what credentials are issued through`,
        fix: 'disable the policies that admit it, or revoke the policy, provider or service with `disable`',
      },
    ],
  })
}
