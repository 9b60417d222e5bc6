import assert from 'node:assert/strict'
import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type Attestation,
  type Attestors,
  createAttestors,
  type ProofRefusal,
  type TrustProvider,
} from '../../packages/server/src/attestors/index.ts'
import type { JsonObject } from '../../packages/server/src/lib/index.ts'
import { createIssuerKeys, type IssuerKeys } from '../../packages/server/src/quickstart/issuers/index.ts'
import type { Resource } from '../../packages/server/src/resources/index.ts'

/** A clock that tests move. */
export interface TestClock {
  readonly now: () => Date
  advance(seconds: number): void
}

/** A real local issuer of the kind under test, and a provider that trusts it through discovery. */
export interface SuitePlatform {
  readonly provider: TrustProvider
  readonly keys: IssuerKeys
  /** Members of the platform's header beside `alg` and `kid`. */
  readonly header: JsonObject
  /** Fresh claims of a good proof for the provider. */
  claims(): JsonObject
  /** A claim that `require` pins, and the claims of somebody else's proof. */
  readonly strangerClaims: () => JsonObject
  requests(path: string): number
  readonly jwksPath: string
  close(): Promise<void>
}

/** A clock that starts at a whole second near the present. */
export function createTestClock(): TestClock {
  let at = Math.floor(Date.now() / 1000) * 1000
  return {
    now: () => new Date(at),
    advance: (seconds) => {
      at += seconds * 1000
    },
  }
}

/** A stored TrustProvider with this spec, as compile and the admin store hand it out. */
export function trustProviderResource(
  spec: JsonObject,
  options: { id?: string; name?: string; revision?: number } = {},
): Resource {
  const at = new Date(0)
  return {
    id: options.id ?? 'tp_test',
    revision: options.revision ?? 1,
    enabled: true,
    createdAt: at,
    updatedAt: at,
    document: {
      apiVersion: 'countersign/v1',
      kind: 'TrustProvider',
      metadata: {
        name: options.name ?? 'test-provider',
        owner: 'team:platform',
        purpose: 'tests',
        reviewBy: '2027-05-01',
      },
      spec,
    },
  }
}

const CANARY = 'canary-7f1d'

/**
 * The negative cases that every attestor of JWT proofs must refuse, against a real issuer on loopback. A new kind of proof runs
 * this suite in its test, with what is its own beside it.
 */
export function runAttestorSuite(name: string, start: (clock: TestClock) => Promise<SuitePlatform>): void {
  describe(`${name}: the shared negative suite of attestors`, () => {
    const clock = createTestClock()
    let platform: SuitePlatform
    let attestors: Attestors

    before(async () => {
      platform = await start(clock)
      attestors = open()
      await attestors.prefetch([platform.provider])
    })
    after(async () => {
      attestors.close()
      await platform.close()
    })

    function open(): Attestors {
      return createAttestors({ now: clock.now, ourIssuerHost: 'sts.acme.example' })
    }

    const sign = (claims: JsonObject, header: JsonObject = {}): string =>
      platform.keys.sign(claims, { ...platform.header, ...header })

    const headerText = (): string => JSON.stringify({ alg: 'RS256', kid: platform.keys.kid, ...platform.header })

    async function accept(proof: string, provider: TrustProvider = platform.provider): Promise<Attestation> {
      const outcome = await attestors.attest(proof, provider)
      if (!outcome.ok)
        throw new assert.AssertionError({ message: `refused: ${outcome.refusal.code} ${outcome.refusal.detail}` })
      return outcome.attestation
    }

    async function refuse(
      proof: string,
      code: ProofRefusal['code'],
      provider: TrustProvider = platform.provider,
      using: Attestors = attestors,
    ): Promise<ProofRefusal> {
      const outcome = await using.attest(proof, provider)
      if (outcome.ok) throw new assert.AssertionError({ message: 'the proof was accepted' })
      assert.equal(outcome.refusal.code, code, outcome.refusal.detail)
      assert.equal(outcome.refusal.providerId, provider.id)
      // T6, T29: what is written down of a refusal holds nothing of the token.
      assert.ok(!JSON.stringify(outcome.refusal).includes(CANARY))
      for (const segment of proof.split('.')) {
        if (segment.length > 16) assert.ok(!outcome.refusal.detail.includes(segment.slice(0, 16)))
      }
      return outcome.refusal
    }

    const changed = (change: JsonObject): JsonObject => ({ ...platform.claims(), canary: CANARY, ...change })
    const without = (claim: string): JsonObject => {
      const { [claim]: _removed, ...rest } = platform.claims()
      return rest
    }

    describe('audience (T13, T15, V-16)', () => {
      const audience = (): string => platform.provider.audience
      const cases: readonly (readonly [string, () => unknown])[] = [
        ['another one', () => `https://${CANARY}.example`],
        ['a prefix', () => audience().slice(0, -1)],
        ['a longer one', () => `${audience()}.evil.example`],
        ['a trailing slash', () => `${audience()}/`],
        ['another case', () => audience().toUpperCase()],
        ['the empty string', () => ''],
        ['the issuer', () => platform.provider.issuer],
        ['a list without it', () => ['https://other.example']],
        ['a list with it and another, which could carry it on', () => [audience(), 'https://other.example']],
        ['a list with it twice', () => [audience(), audience()]],
      ]
      for (const [what, aud] of cases) {
        it(`refuses ${what}`, async () => {
          await refuse(sign(changed({ aud: aud() as JsonObject })), 'proof_wrong_audience')
        })
      }
      for (const aud of [null, 1, true, {}, [], [null], [['x']]]) {
        it(`refuses ${JSON.stringify(aud)}`, async () => {
          await refuse(sign(changed({ aud: aud as JsonObject })), 'proof_claim_invalid')
        })
      }
      it('refuses none', async () => {
        await refuse(sign(without('aud')), 'proof_claim_invalid')
      })
      it('accepts the list of exactly it', async () => {
        await accept(sign({ ...platform.claims(), aud: [audience()] }))
      })
    })

    describe('issuer (T16, T19, V-15)', () => {
      const issuer = (): string => platform.provider.issuer
      const cases: readonly (readonly [string, () => unknown])[] = [
        ['another one', () => 'https://token.actions.githubusercontent.com'],
        ['a trailing slash', () => `${issuer()}/`],
        ['another case', () => issuer().toUpperCase()],
        ['a part of it', () => issuer().slice(0, -2)],
        ['a longer one', () => `${issuer()}.evil.example`],
      ]
      for (const [what, iss] of cases) {
        it(`refuses ${what}`, async () => {
          await refuse(sign(changed({ iss: iss() as JsonObject })), 'proof_unknown_issuer')
        })
      }
      it('refuses a list and a missing one', async () => {
        await refuse(sign(changed({ iss: [issuer()] })), 'proof_claim_invalid')
        await refuse(sign(without('iss')), 'proof_claim_invalid')
      })
      it('T18 refuses the key of another issuer under the same kid', async () => {
        const foreign = await createIssuerKeys()
        const proof = foreign.sign(changed({}), { ...platform.header, kid: platform.keys.kid })
        await refuse(proof, 'proof_bad_signature')
      })
    })

    describe('times (T14, V-17)', () => {
      for (const claim of ['exp', 'iat', 'nbf']) {
        for (const value of [null, 'NaN', '1795561896', -1, true, [], {}]) {
          it(`refuses ${claim} ${JSON.stringify(value)}`, async () => {
            await refuse(sign(changed({ [claim]: value as JsonObject })), 'proof_claim_invalid')
          })
        }
        it(`refuses ${claim} 1e999, which is for ever to a careless reader`, async () => {
          const text = JSON.stringify(changed({ [claim]: 424242 })).replace('424242', '1e999')
          await refuse(platform.keys.signText(headerText(), text), 'proof_malformed')
        })
      }
      it('refuses a proof without exp or iat', async () => {
        await refuse(sign(without('exp')), 'proof_claim_invalid')
        await refuse(sign(without('iat')), 'proof_claim_invalid')
      })
      const nowSeconds = (): number => Math.floor(clock.now().getTime() / 1000)
      it('refuses an expired proof, beyond the tolerance of 30 s', async () => {
        await refuse(
          sign(changed({ iat: nowSeconds() - 200, nbf: nowSeconds() - 200, exp: nowSeconds() - 31 })),
          'proof_expired',
        )
        await accept(
          sign({ ...platform.claims(), iat: nowSeconds() - 200, nbf: nowSeconds() - 200, exp: nowSeconds() - 29 }),
        )
      })
      it('refuses a proof from the future', async () => {
        await refuse(sign(changed({ iat: nowSeconds() + 31, exp: nowSeconds() + 300 })), 'proof_not_yet_valid')
        await refuse(sign(changed({ nbf: nowSeconds() + 31 })), 'proof_not_yet_valid')
      })
      it('refuses a proof that lives longer than the preset allows', async () => {
        const { maxLifetimeSeconds } = platform.provider.freshness
        await refuse(sign(changed({ exp: nowSeconds() + maxLifetimeSeconds + 60 })), 'proof_too_old')
        await refuse(sign(changed({ exp: 2 ** 53 - 1 })), 'proof_too_old')
      })
      it("T37 refuses a proof that is older than the provider's maxProofAge", async () => {
        const strict = { ...platform.provider, freshness: { ...platform.provider.freshness, maxProofAgeSeconds: 60 } }
        await refuse(sign(changed({ iat: nowSeconds() - 61, nbf: nowSeconds() - 61 })), 'proof_too_old', strict)
        await accept(sign({ ...platform.claims(), iat: nowSeconds() - 60, nbf: nowSeconds() - 60 }), strict)
      })
    })

    describe('algorithm (T18, V-05, V-06)', () => {
      const unsigned = (alg: string): string => {
        const input = `${encode({ alg, kid: platform.keys.kid, ...platform.header })}.${encode(changed({}))}`
        return `${input}.`
      }
      for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
        it(`refuses alg ${JSON.stringify(alg)} without a signature`, async () => {
          const { code } = await refuseAny(unsigned(alg))
          assert.ok(code === 'proof_bad_signature' || code === 'proof_malformed')
        })
        it(`refuses alg ${JSON.stringify(alg)} with a good signature`, async () => {
          await refuse(sign(changed({}), { alg }), 'proof_bad_signature')
        })
      }
      it('refuses the public key used as an HMAC secret', async () => {
        const [jwk] = (platform.keys.jwks() as unknown as { keys: JsonWebKey[] }).keys
        assert.ok(jwk)
        const key = createPublicKey({ key: jwk, format: 'jwk' })
        const secrets = [
          key.export({ type: 'spki', format: 'pem' }),
          key.export({ type: 'spki', format: 'der' }),
          JSON.stringify(jwk),
          Buffer.from(String(jwk.n), 'base64url'),
        ]
        for (const alg of ['HS256', 'HS384', 'HS512']) {
          for (const secret of secrets) {
            const input = `${encode({ alg, kid: platform.keys.kid, ...platform.header })}.${encode(changed({}))}`
            const mac = createHmac(`sha${alg.slice(2)}`, secret)
              .update(input)
              .digest('base64url')
            await refuse(`${input}.${mac}`, 'proof_bad_signature')
          }
        }
      })
      for (const alg of ['RS512', 'PS256', 'ES256', 'rs256', 'RS256 ', 'EdDSA']) {
        it(`refuses alg ${alg} on an RS256 key`, async () => {
          await refuse(sign(changed({}), { alg }), 'proof_bad_signature')
        })
      }
    })

    describe('header (T17, V-07, V-08, V-12, V-13, V-14)', () => {
      const headers: readonly JsonObject[] = [
        { jku: 'https://evil.example/jwks' },
        { x5u: 'https://evil.example/cert' },
        { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } },
        { x5c: ['MIIB'] },
        { crit: ['exp'], exp: 1 },
        { crit: [] },
        { b64: false, crit: ['b64'] },
        { b64: true },
        { zip: 'DEF' },
        { enc: 'A256GCM' },
        { cty: 'JWT' },
        { typ: 'at+jwt' },
        { typ: 'dpop+jwt' },
        { typ: 'application/wit+jwt' },
        { typ: 1 },
        { kid: '' },
        { kid: 7 },
        { kid: 'k'.repeat(257) },
      ]
      for (const header of headers) {
        it(`refuses ${JSON.stringify(header).slice(0, 60)}`, async () => {
          const before = platform.requests(platform.jwksPath)
          await refuse(sign(changed({}), header), 'proof_malformed')
          assert.equal(platform.requests(platform.jwksPath), before, 'nothing is fetched')
        })
      }
      for (const kid of [
        'unknown',
        '../../../../dev/null',
        '/dev/null',
        '|sleep 10',
        "x' UNION SELECT '1';--",
        '__proto__',
        'constructor',
      ]) {
        it(`V-07 refuses kid ${kid}`, async () => {
          await refuse(sign(changed({}), { kid }), 'proof_unknown_key')
        })
      }
      it('J-09 asks the issuer at most once for many unknown kids', async () => {
        const fresh = open()
        await fresh.prefetch([platform.provider])
        const before = platform.requests(platform.jwksPath)
        for (let index = 0; index < 50; index += 1) {
          await refuse(sign(changed({}), { kid: `random-${index}` }), 'proof_unknown_key', platform.provider, fresh)
        }
        assert.ok(platform.requests(platform.jwksPath) - before <= 1)
        fresh.close()
      })
    })

    describe('text (V-01 to V-04, T30)', () => {
      const good = (): string => sign(platform.claims())
      const texts: readonly (readonly [string, () => string])[] = [
        ['nothing', () => ''],
        ['two segments', () => good().split('.').slice(0, 2).join('.')],
        ['four segments', () => `${good()}.AA`],
        ['five segments, a JWE', () => `${good()}.AA.AA`],
        ['white space around', () => ` ${good()}\n`],
        ['a Bearer prefix', () => `Bearer ${good()}`],
        ['padding', () => `${good()}=`],
        ['the JSON serialisation', () => JSON.stringify({ payload: 'e30', signatures: [] })],
        ['letters beyond ASCII', () => `é${good()}`],
        ['17 KiB', () => sign(changed({ padding: 'x'.repeat(17_000) }))],
        ['1 MiB', () => 'a'.repeat(1 << 20)],
        ['an empty payload', () => platform.keys.signText(headerText(), '')],
        ['a list as payload', () => platform.keys.signText(headerText(), '[]')],
        ['a payload that is no JSON', () => platform.keys.signText(headerText(), '{')],
        ['a byte order mark', () => platform.keys.signText(headerText(), `\ufeff${JSON.stringify(platform.claims())}`)],
        ['JSON deeper than 16', () => sign(changed({ deep: JSON.parse('['.repeat(20) + ']'.repeat(20)) }))],
        ['a duplicate member', () => duplicated((text) => text.replace(/^\{/, '{"aud":"https://other.example",'))],
        ['a duplicate member below', () => duplicated((text) => text.replace(/\}$/, ',"o":{"a":1,"a":2}}'))],
        [
          'an escaped duplicate',
          () => duplicated((text) => text.replace(/^\{/, '{"\\u0061ud":"https://other.example",')),
        ],
        ['a member __proto__', () => duplicated((text) => text.replace(/^\{/, '{"__proto__":{"aud":"x"},'))],
        ['a lone surrogate', () => duplicated((text) => text.replace(/^\{/, '{"x":"\\ud800",'))],
      ]
      const duplicated = (change: (text: string) => string): string =>
        platform.keys.signText(headerText(), change(JSON.stringify(platform.claims())))
      for (const [what, text] of texts) {
        it(`refuses ${what}`, async () => {
          await refuse(text(), 'proof_malformed')
        })
      }
      for (const sub of [null, '', 1, 'x'.repeat(2049)]) {
        it(`V-18 refuses the subject ${JSON.stringify(sub).slice(0, 20)}`, async () => {
          await refuse(sign(changed({ sub })), 'proof_claim_invalid')
        })
      }
      it('T7 refuses another payload under a good signature', async () => {
        const [header, , signature] = good().split('.')
        await refuse(`${header}.${encode(changed({ sub: 'somebody-else' }))}.${signature}`, 'proof_bad_signature')
      })
      it('V-24 refuses every change of one character', async () => {
        const proof = good()
        await fc.assert(
          fc.asyncProperty(fc.nat(proof.length - 1), fc.constantFrom(...'ABYZabyz0189-_.'), async (at, letter) => {
            if (proof[at] === letter) return
            const outcome = await attestors.attest(proof.slice(0, at) + letter + proof.slice(at + 1), platform.provider)
            assert.equal(outcome.ok, false)
          }),
          { numRuns: 300 },
        )
      })
    })

    describe('tenant, identity and state', () => {
      it('refuses a stranger before any policy is looked at', async () => {
        const refusal = await refuse(sign({ ...platform.strangerClaims(), canary: CANARY }), 'proof_stranger')
        assert.equal(refusal.stage, 'require')
      })
      it('refuses everything for a disabled provider', async () => {
        await refuse(sign(platform.claims()), 'proof_unknown_issuer', { ...platform.provider, enabled: false })
      })
      it('refuses a proof without one of the claims that make the identity', async () => {
        for (const claim of platform.provider.preset.identityClaims) {
          const path = platform.provider.preset.claims[claim]?.path ?? [claim]
          const refusal = await refuse(sign(cut(platform.claims(), path)), 'proof_claim_invalid')
          if (claim !== 'sub') assert.ok(refusal.detail.includes(claim))
        }
      })
    })

    describe('keys (J-08, V-09)', () => {
      it('refuses with provider_unavailable while the keys cannot be had, and says nothing of the proof', async () => {
        const fresh = open()
        const nowhere = { ...platform.provider, keys: { from: 'jwksUri', uri: 'http://127.0.0.1:9/jwks' } as const }
        await refuse(sign(changed({})), 'provider_unavailable', nowhere, fresh)
        const file = { ...platform.provider, keys: { from: 'file', path: '/nonexistent/jwks.json' } as const }
        await refuse(sign(changed({})), 'provider_unavailable', file, fresh)
        const secret = { kty: 'oct', kid: 'a', k: 'c2VjcmV0' }
        const inline = { ...platform.provider, keys: { from: 'inline', jwks: { keys: [secret] } } as const }
        await refuse(sign(changed({})), 'provider_unavailable', inline, fresh)
        fresh.close()
      })
      it('V-25 opens no socket for a token whose issuer is not the one of the provider', async () => {
        const fresh = open()
        const before = platform.requests('/.well-known/openid-configuration')
        await refuse(sign(changed({ iss: 'https://evil.example' })), 'proof_unknown_issuer', platform.provider, fresh)
        assert.equal(platform.requests('/.well-known/openid-configuration'), before)
        fresh.close()
      })
      it('follows a rotation, and refuses a withdrawn key once its copy is stale', async () => {
        const old = platform.keys.kid
        const oldProof = (): string => sign(platform.claims())
        await accept(oldProof())
        const keptProof = oldProof()
        assert.ok(attestors.holdsKey(platform.provider, old))
        await platform.keys.rotate()
        clock.advance(31)
        await accept(sign(platform.claims()))
        assert.ok(attestors.holdsKey(platform.provider, platform.keys.kid))
        await accept(keptProof)
        platform.keys.withdraw(old)
        clock.advance(31)
        // Whatever kid makes the source ask again brings the set without the old key.
        await refuse(sign(changed({}), { kid: 'asks-again' }), 'proof_unknown_key')
        assert.ok(!attestors.holdsKey(platform.provider, old))
        await refuse(keptProof, 'proof_unknown_key')
      })
      it('V-07 refuses a proof without kid when the issuer has more than one key', async () => {
        await platform.keys.rotate()
        clock.advance(601)
        await accept(sign(platform.claims()))
        const { kid: _kid, ...header } = { kid: '', alg: 'RS256', ...platform.header }
        await refuse(platform.keys.signText(JSON.stringify(header), JSON.stringify(changed({}))), 'proof_unknown_key')
      })
    })

    describe('what a good proof gives', () => {
      it('is the same on every replica, and names the proof and not its signature', async () => {
        const proof = sign(platform.claims())
        const first = await accept(proof)
        const replica = open()
        const second = await replica.attest(proof, platform.provider)
        assert.ok(second.ok)
        assert.deepEqual(first.proofKey, second.attestation.proofKey)
        assert.equal(first.workloadId, second.attestation.workloadId)
        assert.equal(
          first.workloadUri.startsWith(`countersign://sts.acme.example/workload/${platform.provider.id}/`),
          true,
        )
        replica.close()
      })
      it('has one proof key in two providers, so that they cannot accept one proof twice', async () => {
        const proof = sign(platform.claims())
        const first = await accept(proof)
        const second = await accept(proof, { ...platform.provider, id: 'tp_other' })
        assert.deepEqual(first.proofKey, second.proofKey)
        assert.notEqual(first.workloadUri, second.workloadUri)
      })
      it('has another proof key for another proof of the same workload', async () => {
        const first = await accept(sign({ ...platform.claims(), jti: 'one' }))
        const second = await accept(sign({ ...platform.claims(), jti: 'two' }))
        assert.notDeepEqual(first.proofKey, second.proofKey)
        assert.equal(first.workloadUri, second.workloadUri)
      })
    })

    async function refuseAny(proof: string): Promise<ProofRefusal> {
      const outcome = await attestors.attest(proof, platform.provider)
      if (outcome.ok) throw new assert.AssertionError({ message: 'the proof was accepted' })
      return outcome.refusal
    }
  })
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function cut(claims: JsonObject, path: readonly string[]): JsonObject {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    const { [name]: _removed, ...kept } = claims
    return kept
  }
  return { ...claims, [name]: cut(claims[name] as JsonObject, rest) }
}
