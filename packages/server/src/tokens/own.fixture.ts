import { generateKeyPairSync, sign } from 'node:crypto'
import type { JsonObject } from '../lib/index.ts'
import type { Signer } from '../signing-keys/index.ts'
import { type AccessTokenContent, signAccessToken } from './issue.ts'

/** The installation that signs. */
export const ISSUER = 'https://sts.acme.example'
/** Its management audience. */
export const AUDIENCE = 'https://sts.acme.example/v1'
/** When every token here is signed. */
export const NOW = new Date('2026-03-01T12:00:00Z')

/** A signing key with its public half. */
export interface TestKey {
  readonly signer: Signer
  readonly jwk: JsonObject
}

/** A signing key; `onRead` is called whenever somebody reads its public half to import it. */
export function createTestKey(kid: string, onRead: () => void = () => {}): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, ...members } = publicKey.export({ format: 'jwk' })
  const jwk = { ...members, kid, alg: 'ES256', use: 'sig' }
  Object.defineProperty(jwk, 'x', {
    enumerable: true,
    get() {
      onRead()
      return x
    },
  })
  return {
    jwk: jwk as unknown as JsonObject,
    signer: {
      kid,
      alg: 'ES256',
      sign: (input) => sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
    },
  }
}

/** A token of ours, with changes. */
export function tokenOf(signer: Signer, changes: Partial<AccessTokenContent> = {}): string {
  return signAccessToken(signer, {
    issuer: ISSUER,
    audience: AUDIENCE,
    subject: 'countersign://sts.acme.example/workload/tp_a/repository_id/1',
    workloadId: 'wl_a',
    jti: 'jti_a',
    scopes: ['events:read'],
    issuedAt: NOW,
    expiresAt: new Date(NOW.getTime() + 900_000),
    policyId: 'pol_a',
    providerIds: ['tp_a'],
    serviceId: 'svc_a',
    revision: 1,
    eventId: 'evt_a',
    ...changes,
  })
}
