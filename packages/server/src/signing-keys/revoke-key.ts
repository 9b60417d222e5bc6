import type { Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import type { Tables } from '../schema/index.ts'
import { createKeyChanges } from './changes.ts'
import type { RotationDeps } from './rotation.ts'
import { type SigningKey, toSigningKey } from './states.ts'
import { selectKeys } from './store.ts'

/** An emergency: a private half is or may be in other hands. */
export interface RevokeKeyCommand {
  readonly kid: string
  readonly reason: string
  readonly actor: string
}

/** Ends the tokens of keys inside the transaction that revokes them, and returns what proves it; called for access-token keys only. */
export type EndTokens<R> = (
  tx: Transaction<Tables>,
  input: { readonly kids: readonly [string, ...string[]]; readonly reason: string; readonly actor: string },
) => Promise<R>

/** What a revocation of a key has done. */
export interface KeyRevocation<R> {
  readonly revoked: SigningKey
  /** A successor that was published already: it lay beside the revoked key in the same memory, so it is revoked with it. */
  readonly revokedSuccessor: SigningKey | undefined
  /** The key that signs now, if the revoked one did. */
  readonly replacement: SigningKey | undefined
  /** What {@link EndTokens} returned; undefined for keys that sign no tokens. */
  readonly ended: R | undefined
}

/**
 * Revokes a key in one transaction (G-07): out of the key set, private half erased, its tokens refused, a new key signing in its place.
 * The new key is one that nobody has seen yet, also where a successor was published: whoever could copy the one could copy the other.
 * @throws ServiceError not_found, conflict (revoked already)
 */
export async function revokeKey<R>(
  deps: RotationDeps,
  command: RevokeKeyCommand,
  endTokens: EndTokens<R>,
): Promise<KeyRevocation<R>> {
  const { database } = deps
  const { kid, reason, actor } = command
  const changes = createKeyChanges(deps, actor)
  return database.transaction(async (tx) => {
    await database.revisions.append(tx, { kind: 'signing_key', target: kid, detail: { revoked: true } })
    const read = async () => (await selectKeys(tx)).map(toSigningKey)
    const before = await read()
    const key = before.find((candidate) => candidate.kid === kid)
    if (!key) throw new ServiceError('not_found', { detail: `there is no signing key ${kid}` })
    if (key.revokedAt) {
      throw new ServiceError('conflict', { detail: `the key ${kid} was revoked at ${key.revokedAt.toISOString()}` })
    }
    const { purpose, alg } = key
    const isNext = (other: SigningKey) => other.purpose === purpose && other.alg === alg && other.state === 'published'
    const successor = key.state === 'active' ? before.find(isNext) : undefined
    await changes.revoke(tx, key, reason)
    if (successor) await changes.revoke(tx, successor, reason)
    const replacement =
      key.state === 'active' ? await changes.generate(tx, { purpose, alg }, { activate: true }) : undefined
    const kids = [kid, ...(successor ? [successor.kid] : [])] as const
    const ended = purpose === 'access_token' ? await endTokens(tx, { kids, reason, actor }) : undefined
    const after = new Map((await read()).map((each) => [each.kid, each]))
    return {
      revoked: after.get(kid) ?? key,
      revokedSuccessor: successor && after.get(successor.kid),
      replacement: replacement === undefined ? undefined : after.get(replacement),
      ended,
    }
  })
}
