/**
 * What every example of examples/verify-with-LIBRARY must do against a real server, and what its library does with the odd tokens: with the
 * least configuration that takes our tokens at all, and as the guide sets it up. The result must be what `facts.ts` says.
 */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { cleanUp, TEST_ENGINE, type TestScope } from '../../support/database.ts'
import { FACTS, type Fact, FETCHES, type LibraryName, OUTAGES, STRANGERS } from '../facts.ts'
import { type Certificate, createCertificate } from './certificate.ts'
import { BILLING_AUDIENCE, type Countersign, startCountersign } from './countersign.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import { createTokenMaker, ODD_TOKEN_NAMES, ODD_TOKENS, type OddTokenName, type TokenMaker } from './odd-tokens.ts'
import { type Service, type ServiceCommand, startService } from './service.ts'

/** Says of each token whether a library takes it that knows nothing but issuer, audience, keys and algorithm. */
export type BareVerifier = (tokens: readonly string[]) => Promise<readonly boolean[]>

/** One library. */
export interface Client {
  readonly library: LibraryName
  readonly command: () => Promise<ServiceCommand> | ServiceCommand
  /** Whether it wants an https issuer. */
  readonly https?: boolean
  /** Whether the library keeps keys for ever, so that the example fetches them anew by itself. */
  readonly keepsKeys?: boolean
  readonly bare: (issuer: TokenMaker, scope: TestScope) => Promise<BareVerifier> | BareVerifier
}

/** The tests of one library. */
export function testClient({ library, command, https = false, keepsKeys = false, bare }: Client): void {
  if (TEST_ENGINE === 'postgres') {
    test(`${library}: the store makes no difference to a verifier`, { skip: 'runs on the embedded store' }, () => {})
    return
  }
  const scope: TestScope = { after: (work) => after(work) }
  // Registers the hook now: one that is registered within a hook runs when that hook ends.
  cleanUp(scope, () => {})
  let server: Countersign
  let service: Service
  let issuer: TestIssuer
  let oddService: Service
  let certificate: Certificate | undefined
  let start: (from: { issuer: string; audience: string }, env?: Readonly<Record<string, string>>) => Promise<Service>

  before(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cs-client-'))
    cleanUp(scope, () => rmSync(directory, { recursive: true, force: true }))
    certificate = https ? createCertificate(directory) : undefined
    const place = await command()
    const trust = certificate ? { NODE_EXTRA_CA_CERTS: certificate.authorityFile } : {}
    start = (from, env) => startService(scope, { ...place, env: { ...place.env, ...trust, ...env } }, from)
    server = await startCountersign(scope, certificate)
    const { audience } = server
    issuer = await startIssuer(scope, { audience, certificate, metadata })
    service = await start(server)
    oddService = await start(issuer)
  })

  /** The metadata of the real server, as if it were at another address. */
  const metadata = (at: string): Readonly<Record<string, unknown>> =>
    JSON.parse(JSON.stringify(server.metadata).replaceAll(server.issuer, at))

  const bearer = (token: string) => `Bearer ${token}`
  const refused = async (asked: Service, token: string, what: string) => {
    const { status, challenge } = await asked.ask(bearer(token))
    assert.equal(status, 401, what)
    // RFC 6750 section 3.1.
    assert.match(challenge, /\bBearer\b.*error="invalid_token"/, what)
  }

  test(`${library}: a token of the real server with the scope is answered`, async () => {
    const { status, body } = await service.ask(bearer(await server.token('orders:read')))
    assert.equal(status, 200, service.log())
    const { orders, caller } = JSON.parse(body) as { orders: number; caller: string }
    assert.equal(orders, 3)
    assert.match(caller, /^wl_/)
  })

  test(`${library}: without a token, 401 without an error code (RFC 6750 section 3.1)`, async () => {
    const { status, challenge } = await service.ask()
    assert.equal(status, 401)
    assert.match(challenge, /^Bearer\b/)
    assert.doesNotMatch(challenge, /error=/)
    const good = await server.token('orders:read')
    for (const authorization of [
      'Basic dXNlcjpwYXNz',
      `Basic ${good}`,
      `DPoP ${good}`,
      good,
      `Bearer ${good} x`,
      'Bearer ',
    ]) {
      const answer = await service.ask(authorization)
      assert.ok([400, 401].includes(answer.status), authorization.split(' ')[0])
    }
  })

  test(`${library}: a token of the real server without the scope is refused with 403`, async () => {
    const { status, challenge } = await service.ask(bearer(await server.token('orders:deploy')))
    assert.equal(status, 403)
    assert.match(challenge, /error="insufficient_scope"/)
  })

  test(`${library}: a scope that only begins or ends like the wanted one is not it`, async () => {
    const token = issuer.make({ claims: { scope: 'orders:readonly xorders:read orders:rea' } })
    assert.equal((await oddService.ask(bearer(token))).status, 403)
  })

  test(`${library}: tokens for another audience, of another issuer, altered or expired are refused`, async () => {
    const good = await server.token('orders:read')
    const [header = '', payload = '', signature = ''] = good.split('.')
    const stranger = createTokenMaker(server.issuer, server.audience)
    const { kid } = server.jwks.keys[0] ?? {}
    const past = Math.floor(Date.now() / 1000) - 3_600
    await refused(service, await server.token('orders:read', BILLING_AUDIENCE), 'another audience')
    await refused(service, issuer.make(), 'another issuer')
    await refused(service, issuer.make({ claims: { iss: server.issuer } }), 'another key')
    await refused(service, stranger.make({ header: { kid } }), 'another key under our kid')
    await refused(service, `${header}.${payload}.${'A'.repeat(signature.length)}`, 'no signature (CVE-2022-21449)')
    await refused(service, `${header}.${payload}.`, 'an empty signature')
    await refused(service, `${header}.${payload}`, 'two parts')
    await refused(service, 'abc', 'no token at all')
    await refused(oddService, issuer.make({ claims: { iat: past, exp: past + 300 } }), 'expired')
    await refused(oddService, issuer.make({ claims: { nbf: past + 7_200 } }), 'not valid yet')
    await refused(oddService, issuer.make({ claims: { aud: [] } }), 'no audience')
    await refused(oddService, issuer.make({ claims: { aud: `${issuer.audience}/x` } }), 'a longer audience')
  })

  test(`${library}: alg none in any spelling is refused (RFC 8725 section 3.1)`, async () => {
    const [, payload = '', signature = ''] = (await server.token('orders:read')).split('.')
    const { kid } = server.jwks.keys[0] ?? {}
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid })).toString('base64url')
      await refused(service, `${header}.${payload}.`, alg)
      await refused(service, `${header}.${payload}.${signature}`, `${alg} with a signature`)
    }
  })

  test(`${library}: a public key does not serve as an HMAC secret (RFC 8725 section 2.1)`, async () => {
    const [, payload = ''] = (await server.token('orders:read')).split('.')
    const [jwk = {}] = server.jwks.keys
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const pem = key.export({ format: 'pem', type: 'spki' }).toString()
    const der = key.export({ format: 'der', type: 'spki' })
    const secrets = [pem, pem.trim(), der, JSON.stringify(jwk), Buffer.from(String(jwk['x']), 'base64url')]
    for (const alg of ['HS256', 'HS512']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: jwk['kid'] })).toString('base64url')
      for (const secret of secrets) {
        const digest = createHmac(alg.replace('HS', 'sha'), secret).update(`${header}.${payload}`).digest('base64url')
        await refused(service, `${header}.${payload}.${digest}`, alg)
      }
    }
  })

  test(`${library}: what it does with tokens that the SDK refuses is what the guide says`, async () => {
    assert.equal((await oddService.ask(bearer(issuer.make()))).status, 200, 'a token without a fault')
    const verifier = await bare(issuer, scope)
    const tokens = ODD_TOKEN_NAMES.map((name) => ODD_TOKENS[name].make(issuer))
    const [control, ...taken] = await verifier([issuer.make(), ...tokens])
    assert.equal(control, true, 'the least configuration takes a token without a fault')
    const facts: Partial<Record<OddTokenName, Fact>> = {}
    for (const [index, name] of ODD_TOKEN_NAMES.entries()) {
      const { status } = await oddService.ask(bearer(tokens[index] ?? ''))
      // 400 and 431: the HTTP server itself refused a header of that size.
      const statuses = name === 'large' ? [200, 400, 401, 431] : [200, 401]
      assert.ok(statuses.includes(status), `${name}: ${status}`)
      facts[name] = status === 200 ? 'accepts' : taken[index] === true ? 'set' : 'refuses'
    }
    assert.deepEqual(facts, FACTS[library])
  })

  test(`${library}: how often strangers make it fetch the key set is what the guide says (J-09)`, async () => {
    const before = issuer.fetches()
    for (let turn = 0; turn < STRANGERS; turn += 1) {
      await refused(oddService, issuer.make({ header: { kid: `stranger-${turn}` } }), 'an unknown key')
    }
    assert.equal(issuer.fetches() - before, FETCHES[library])
  })

  test(`${library}: what it answers while the keys of the issuer are not to be had`, async () => {
    const broken = await startIssuer(scope, { audience: server.audience, certificate, metadata, keysFail: true })
    const { status } = await (await start(broken)).ask(bearer(broken.make()))
    assert.equal(status, OUTAGES[library])
  })

  if (keepsKeys) {
    test(`${library}: a signing key that left the key set is forgotten after a while (G-07)`, async () => {
      const forgetful = await startIssuer(scope, { audience: server.audience, certificate, metadata })
      const token = forgetful.make()
      const short = await start(forgetful, { KEYS_MAX_AGE_SECONDS: '1' })
      const long = await start(forgetful, { KEYS_MAX_AGE_SECONDS: '600' })
      for (const asked of [short, long]) assert.equal((await asked.ask(bearer(token))).status, 200)
      forgetful.removeKey()
      const deadline = Date.now() + 20_000
      while ((await short.ask(bearer(token))).status === 200 && Date.now() < deadline) await pause(100)
      await refused(short, token, 'the key is gone')
      assert.equal((await long.ask(bearer(token))).status, 200)
    })
  }

  test(`${library}: a revoked token is taken until it expires, and introspection knows better (RFC 7662)`, async () => {
    const token = await server.token('orders:read')
    assert.equal(await server.isActive(token), true)
    await server.revoke(token)
    assert.equal(await server.isActive(token), false)
    assert.equal((await service.ask(bearer(token))).status, 200)
  })

  test(`${library}: no token reaches the log`, () => {
    assert.doesNotMatch(service.log() + oddService.log(), /eyJ/)
  })
}
