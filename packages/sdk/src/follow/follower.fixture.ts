/** Followers of a server in this process, for tests. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { AccessToken } from '../credentials/index.ts'
import type { VerifiedToken } from '../verify/index.ts'
import { createFollower } from './follower.ts'
import { type RevocationServer, startRevocationServer } from './revocation-server.fixture.ts'
import type { Follower, FollowerEvent, FollowerOptions } from './types.ts'

/** The token that the stand-in credentials hand out; nothing that is shown may hold it. */
export const SECRET = 'c4n4ry-token'

/** Credentials as a follower uses them, and how often they were asked. */
export interface Credentials {
  readonly asked: { fresh: boolean }[]
  token(options?: { fresh?: boolean }): Promise<AccessToken>
}

/** Credentials that always have a token. */
export function makeCredentials(): Credentials {
  const asked: { fresh: boolean }[] = []
  return {
    asked,
    async token({ fresh = false } = {}) {
      asked.push({ fresh })
      return {
        accessToken: `${SECRET}-${fresh ? 'fresh' : 'cached'}`,
        tokenType: 'Bearer',
        expiresAt: new Date(Date.now() + 600_000),
        lifetimeSeconds: 600,
        scopes: ['verify:orders-api'],
      }
    },
  }
}

/** A follower under test and what it has said. */
export interface Made {
  readonly follower: Follower
  readonly events: FollowerEvent[]
  readonly credentials: Credentials
  happened(type: FollowerEvent['type']): Promise<FollowerEvent>
}

/** A server of revocations that ends with the test. */
export async function withServer(t: TestContext): Promise<RevocationServer> {
  const server = await startRevocationServer()
  t.after(() => server.stop())
  return server
}

/** A follower of the server that ends with the test. */
export function follow(t: TestContext, server: RevocationServer, options: Partial<FollowerOptions> = {}): Made {
  const events: FollowerEvent[] = []
  const credentials = makeCredentials()
  const follower = createFollower({
    server: server.url,
    service: 'orders-api',
    credentials,
    onEvent: (event) => events.push(event),
    ...options,
  })
  t.after(() => follower.close())
  const happened = async (type: FollowerEvent['type']) => {
    const from = events.length
    return until(() => events.slice(from).find((event) => event.type === type), type)
  }
  return { follower, events, credentials, happened }
}

/** Resolves to the first answer that is one; looks every few milliseconds, for a bounded time. */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: unknown = look,
): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    assert.ok(Date.now() < deadline, `it never happened: ${String(what)}`)
    await pause(5)
  }
}

/** What a token of {@link token} has changed. */
export interface TokenChanges {
  readonly claims?: Record<string, unknown>
  readonly cs?: Record<string, unknown>
  readonly kid?: string | undefined
  readonly keyThumbprint?: string
}

/** A verified token as a verifier hands it to its revocation check. */
export function token(
  jti = 'good',
  { claims = {}, cs = {}, keyThumbprint = 'thumbprint', ...rest }: TokenChanges = {},
): VerifiedToken {
  const kid = 'kid' in rest ? rest.kid : 'kid-1'
  return {
    header: { alg: 'ES256', typ: 'at+jwt', ...(kid !== undefined && { kid }) },
    claims: {
      iss: 'https://sts.example',
      aud: 'https://orders.example',
      sub: 'countersign://sts.example/workload/a',
      client_id: 'wl_a',
      iat: 1_800_000_000,
      exp: 4_000_000_000,
      jti,
      cs: { pol: 'pol_a', tp: ['tp_a', 'tp_b'], svc: 'svc_a', rev: 5, ...cs },
      ...claims,
    } as VerifiedToken['claims'],
    keyThumbprint,
    kid,
  }
}
