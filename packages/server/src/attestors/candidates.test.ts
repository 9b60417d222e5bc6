import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { trustProviderResource } from '../../../../test/support/attestor-suite.ts'
import { createAttestors } from './attestors.ts'
import { findCandidates, MAX_CANDIDATES } from './candidates.ts'
import { compileTrustProvider } from './compile.ts'
import type { TrustProvider } from './types.ts'
import { readUnverified, type UnverifiedProof } from './unverified.ts'

const AUDIENCE = 'https://sts.acme.example'
const ISSUER = 'https://token.actions.githubusercontent.com'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const unsigned = (claims: unknown, header: unknown = { alg: 'RS256', typ: 'JWT', kid: 'k1' }): string =>
  `${encode(header)}.${encode(claims)}.c2ln`

function provider(id: string, change: Partial<TrustProvider> = {}): TrustProvider {
  const compiled = compileTrustProvider(
    trustProviderResource(
      { preset: 'github-actions', issuer: ISSUER, audience: AUDIENCE, require: { repository_owner_id: '1' } },
      { id },
    ),
  )
  return { ...compiled, ...change }
}

function unverified(issuer: string, audiences: readonly string[] = [AUDIENCE]): Omit<UnverifiedProof, 'token'> {
  return { unverifiedIssuer: issuer, unverifiedAudiences: audiences, unverifiedKid: 'k1' }
}

const holdsNothing = { holdsKey: () => false }

function refusalCode(outcome: ReturnType<typeof findCandidates>): string {
  return outcome.ok ? 'accepted' : outcome.refusal.code
}

function idsOf(outcome: ReturnType<typeof findCandidates>): readonly string[] {
  return outcome.ok ? outcome.providers.map((candidate) => candidate.id) : []
}

describe('the unverified reading of a proof', () => {
  for (const [what, text] of [
    ['nothing', ''],
    ['text', 'hello'],
    ['two segments', 'e30.e30'],
    ['four segments', 'e30.e30.e30.e30'],
    ['no signature', unsigned({ iss: ISSUER, aud: AUDIENCE }).replace(/[^.]*$/, '')],
    ['more than 16 KiB', unsigned({ iss: ISSUER, aud: AUDIENCE, x: 'x'.repeat(17_000) })],
    ['a list', unsigned([])],
    ['no issuer', unsigned({ aud: AUDIENCE })],
    ['an issuer that is a list (T16)', unsigned({ iss: [ISSUER], aud: AUDIENCE })],
    ['a long issuer', unsigned({ iss: 'x'.repeat(600), aud: AUDIENCE })],
    ['no audience', unsigned({ iss: ISSUER })],
    ['an empty list of audiences', unsigned({ iss: ISSUER, aud: [] })],
    ['nine audiences', unsigned({ iss: ISSUER, aud: Array.from({ length: 9 }, (_, index) => `a${index}`) })],
    ['an audience that is a number', unsigned({ iss: ISSUER, aud: [1] })],
    ['a kid that is an object', unsigned({ iss: ISSUER, aud: AUDIENCE }, { alg: 'RS256', kid: {} })],
    ['a long kid', unsigned({ iss: ISSUER, aud: AUDIENCE }, { kid: 'k'.repeat(257) })],
    ['an issuer from a prototype', unsigned(JSON.parse('{"__proto__":{"iss":"x"},"aud":"y"}'))],
  ] as const) {
    it(`V-01 refuses ${what}`, () => {
      const reading = readUnverified(text)
      assert.equal(reading.ok ? '' : reading.refusal.code, 'proof_malformed')
    })
  }

  it('reads issuer, audiences and kid', () => {
    const proof = unsigned({ iss: ISSUER, aud: [AUDIENCE, AUDIENCE, 'b'] })
    const reading = readUnverified(proof)
    assert.ok(reading.ok)
    const { token, ...value } = reading.value
    assert.deepEqual(value, { unverifiedIssuer: ISSUER, unverifiedAudiences: [AUDIENCE, 'b'], unverifiedKid: 'k1' })
    assert.ok(token.isOf(proof))
  })

  it('V-24 answers any text, and says nothing of it', () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([claims, header]) => unsigned(claims, header)),
      fc.string({ unit: fc.constantFrom(...'eyJ.0_-A'), maxLength: 60 }),
    )
    fc.assert(
      fc.property(text, (proof) => {
        const reading = readUnverified(proof)
        if (!reading.ok) assert.ok(reading.refusal.detail.length < 100)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the providers that are asked about a proof', () => {
  it('T3, T4 are none for an issuer that is not registered, in any spelling', () => {
    const providers = [provider('tp_1')]
    for (const issuer of [
      `${ISSUER}/`,
      ISSUER.toUpperCase(),
      `${ISSUER}.evil.example`,
      `http://localhost:3000?${ISSUER}/`,
      `${ISSUER}@evil.example`,
      'https://token.actions.githubusercontent.com.',
      '__proto__',
    ]) {
      assert.equal(
        refusalCode(findCandidates(providers, unverified(issuer), holdsNothing)),
        'proof_unknown_issuer',
        issuer,
      )
    }
  })

  it('T15 are none for another audience, a prefix or another spelling', () => {
    const providers = [provider('tp_1')]
    for (const audience of [`${AUDIENCE}/`, AUDIENCE.slice(0, -1), AUDIENCE.toUpperCase(), '__proto__']) {
      assert.equal(
        refusalCode(findCandidates(providers, unverified(ISSUER, [audience]), holdsNothing)),
        'proof_wrong_audience',
      )
    }
  })

  it('are none among disabled providers', () => {
    const providers = [provider('tp_1', { enabled: false })]
    assert.equal(refusalCode(findCandidates(providers, unverified(ISSUER), holdsNothing)), 'proof_unknown_issuer')
  })

  it('T4 opens no socket for an unregistered issuer', async () => {
    let connections = 0
    const stranger = createServer(() => {
      connections += 1
    })
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    stranger.unref()
    const address = stranger.address()
    assert.ok(address !== null && typeof address === 'object')
    let sockets = 0
    const count = (): void => {
      sockets += 1
    }
    diagnostics.subscribe('net.client.socket', count)
    const attestors = createAttestors({ now: () => new Date(), ourIssuerHost: 'sts.acme.example' })
    const providers = [provider('tp_1')]
    for (const iss of [`http://127.0.0.1:${address.port}`, `http://127.0.0.1:${address.port}?${ISSUER}/`]) {
      const proof = unsigned({ iss, aud: AUDIENCE })
      const reading = readUnverified(proof)
      assert.ok(reading.ok)
      assert.equal(refusalCode(findCandidates(providers, reading.value, attestors)), 'proof_unknown_issuer')
      // And when somebody asks a provider all the same (V-25).
      const outcome = await attestors.attest(proof, providers[0] ?? provider('tp_1'))
      assert.equal(outcome.ok ? '' : outcome.refusal.code, 'proof_unknown_issuer')
    }
    attestors.close()
    diagnostics.unsubscribe('net.client.socket', count)
    await new Promise((resolve) => stranger.close(resolve))
    assert.equal(sockets, 0)
    assert.equal(connections, 0)
  })

  it('is the one that is registered, without a look at its keys', () => {
    const found = findCandidates(
      [provider('tp_1'), provider('tp_2', { audience: 'https://b.example' })],
      unverified(ISSUER),
      {
        holdsKey: () => assert.fail('not asked'),
      },
    )
    assert.deepEqual(idsOf(found), ['tp_1'])
  })

  it('are those that hold the kid, where several share issuer and audience', () => {
    const providers = [provider('tp_1'), provider('tp_2'), provider('tp_3')]
    const keys = { holdsKey: (asked: TrustProvider, kid: string) => asked.id === 'tp_2' && kid === 'k1' }
    assert.deepEqual(idsOf(findCandidates(providers, unverified(ISSUER), keys)), ['tp_2'])
  })

  it('J-09 are all of a few when none holds the kid yet, since a new key must be found', () => {
    const providers = [provider('tp_1'), provider('tp_2')]
    assert.deepEqual(idsOf(findCandidates(providers, unverified(ISSUER), holdsNothing)), ['tp_1', 'tp_2'])
  })

  it('are at most 8, and the outcome says how many were left out', () => {
    const many = Array.from({ length: 12 }, (_, index) => provider(`tp_${index}`))
    const found = findCandidates(many, unverified(ISSUER), { holdsKey: () => true })
    assert.ok(found.ok)
    assert.equal(found.providers.length, MAX_CANDIDATES)
    assert.equal(found.omitted, 4)
    assert.equal(refusalCode(findCandidates(many, unverified(ISSUER), holdsNothing)), 'proof_unknown_key')
  })

  it('cost the same among thousands of other providers', () => {
    const many = Array.from({ length: 3000 }, (_, index) =>
      provider(`tp_${index}`, { issuer: `https://issuer-${index}.example` }),
    )
    assert.deepEqual(idsOf(findCandidates(many, unverified('https://issuer-2999.example'), holdsNothing)), ['tp_2999'])
  })
})
