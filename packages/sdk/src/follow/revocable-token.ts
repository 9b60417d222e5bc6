import { CountersignError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../jws/index.ts'
import type { VerifiedToken } from '../verify/index.ts'

/** What of a verified token decides whether it is revoked (design section 5: the claim `cs`). */
export interface RevocableToken {
  /** Its own id, and that of the token it was derived from. */
  readonly tokenIds: readonly string[]
  /**
   * What its key is called: the kid of its header, and the thumbprint of the key that verified it, which is the server's own kid for it
   * (G-04). A key set that was put together by hand may call the same key otherwise.
   */
  readonly keyIds: readonly string[]
  /** Whom it is about, and every actor of its `act` chain (RFC 8693 section 4.1). */
  readonly subjects: readonly string[]
  readonly workloadIds: readonly string[]
  readonly policyId: string
  readonly providerIds: readonly string[]
  readonly serviceId: string
  /** The revision that the decision to issue it was made on. */
  readonly revision: number
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

/**
 * What revocations go by, read from a verified token.
 * @throws CountersignError `token_not_revocable` when any of it is missing: a token that cannot be judged is not accepted (invariant 1).
 */
export function readRevocableToken({ claims, kid, keyThumbprint }: VerifiedToken): RevocableToken {
  const { jti, sub, client_id: workloadId, iat, exp, cs, act } = claims
  if (!isText(jti) || !isText(sub) || !isText(workloadId) || !isText(kid)) throw refused()
  if (typeof iat !== 'number' || typeof exp !== 'number' || !isObject(cs)) throw refused()
  const { pol, tp, svc, rev, root } = cs
  if (!isText(pol) || !isText(svc) || !isRevision(rev) || !isTextList(tp)) throw refused()
  if (root !== undefined && !isText(root)) throw refused()
  const token = {
    tokenIds: root === undefined ? [jti] : [jti, root],
    keyIds: [kid, keyThumbprint],
    subjects: [sub],
    workloadIds: [workloadId],
    policyId: pol,
    providerIds: tp,
    serviceId: svc,
    revision: rev,
    issuedAtMs: iat * 1000,
    expiresAtMs: exp * 1000,
  }
  // A revocation of a workload ends what is done in its name further down, too.
  for (let actor: JsonValue | undefined = act; actor !== undefined; actor = actor['act']) {
    if (!isObject(actor) || !isText(actor['sub'])) throw refused()
    token.subjects.push(actor['sub'])
    const actorId = actor['client_id']
    if (actorId === undefined) continue
    if (!isText(actorId)) throw refused()
    token.workloadIds.push(actorId)
  }
  return token
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isTextList(value: JsonValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText)
}

function isRevision(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(): CountersignError {
  return new CountersignError('token_not_revocable')
}
