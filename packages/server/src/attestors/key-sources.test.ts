import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { COUNTERSIGN_ERROR_CODES, CountersignError, type CountersignErrorCode } from '@countersign/sdk'
import { createTestClock, trustProviderResource } from '../../../../test/support/attestor-suite.ts'
import { ERRORS } from '../errors.ts'
import { type GithubIssuer, startGithubIssuer } from '../quickstart/issuers/index.ts'
import { createAttestors } from './attestors.ts'
import { compileTrustProvider } from './compile.ts'
import { createFileKeySet } from './file-key-set.ts'
import { createKeySources } from './key-sources.ts'
import { proofKey } from './proof-key.ts'
import { refusalOf } from './refusals.ts'
import type { TrustProvider } from './types.ts'

const DISCOVERY = '/.well-known/openid-configuration'
const JWKS = '/.well-known/jwks'

describe('the key sources of providers', () => {
  const clock = createTestClock()
  let github: GithubIssuer

  before(async () => {
    github = await startGithubIssuer({ port: 0, now: clock.now })
  })
  after(() => github.close())

  function provider(id: string, revision = 1, change: Partial<TrustProvider> = {}): TrustProvider {
    const spec = {
      preset: 'github-actions',
      issuer: github.issuer,
      audience: 'https://sts.acme.example',
      require: { repository_owner_id: id },
      network: { allowLoopbackHttp: true },
    }
    return { ...compileTrustProvider(trustProviderResource(spec, { id, revision })), ...change }
  }

  it('ask an issuer once however many providers and revisions name it (J-09)', async () => {
    const sources = createKeySources({ now: clock.now })
    const before = github.requests(JWKS)
    await sources.prefetch([provider('tp_1')])
    await sources.prefetch([provider('tp_1', 2), provider('tp_2'), provider('tp_3')])
    assert.equal(github.requests(JWKS), before + 1)
    assert.equal(sources.of(provider('tp_1')), sources.of(provider('tp_2')))
    sources.close()
  })

  it('are never shared between different ways to the keys', () => {
    const sources = createKeySources({ now: clock.now })
    const first = sources.of(provider('tp_1'))
    for (const change of [
      { issuer: `${github.issuer}/x` },
      { keys: { from: 'jwksUri', uri: `${github.issuer}${JWKS}` } },
      { keys: { from: 'inline', jwks: github.keys.jwks() } },
      { algorithms: ['ES256'] },
      { allowPrivateNetwork: true },
    ] as const) {
      assert.notEqual(sources.of(provider('tp_1', 1, change)), first, JSON.stringify(Object.keys(change)))
    }
    sources.close()
  })

  it('fetch nothing when they are opened or asked for a kid', () => {
    const sources = createKeySources({ now: clock.now })
    const before = github.requests(DISCOVERY)
    assert.equal(sources.holdsKey(provider('tp_1'), github.keys.kid), false)
    assert.equal(github.requests(DISCOVERY), before)
    sources.close()
  })

  it('are closed when no provider uses them, and all of them at the end', async () => {
    const sources = createKeySources({ now: clock.now })
    await sources.prefetch([provider('tp_1')])
    assert.ok(sources.holdsKey(provider('tp_1'), github.keys.kid))
    sources.retain([provider('tp_1', 2)])
    assert.ok(sources.holdsKey(provider('tp_1'), github.keys.kid))
    sources.retain([])
    assert.equal(sources.holdsKey(provider('tp_1'), github.keys.kid), false)
    sources.close()
    assert.throws(() => sources.of(provider('tp_1')), CountersignError)
    assert.equal(sources.holdsKey(provider('tp_1'), github.keys.kid), false)
  })

  it('raise an alarm when keys cannot be had, and the prefetch goes on with the others', async () => {
    const alarms: string[] = []
    const changes: number[] = []
    const sources = createKeySources({
      now: clock.now,
      onAlarm: (alarm) => alarms.push(alarm.code),
      onKeyChange: (change) => changes.push(change.added.length),
    })
    await sources.prefetch([
      provider('tp_1', 1, { keys: { from: 'file', path: '/nonexistent' } }),
      provider('tp_2', 1, { keys: { from: 'jwksUri', uri: 'http://127.0.0.1:9/jwks' } }),
      provider('tp_3', 1, { caFile: '/nonexistent' }),
      provider('tp_4'),
    ])
    assert.deepEqual(alarms, ['keys_expired', 'keys_expired', 'keys_expired'])
    assert.deepEqual(changes, [1])
    assert.ok(sources.holdsKey(provider('tp_4'), github.keys.kid))
    sources.close()
  })

  it('cannot be opened for an issuer host that would make ambiguous workload URIs', () => {
    for (const host of ['', 'a/b', 'A.example', 'a b', 'a.example?', 'user@a.example', 'a.example/']) {
      assert.throws(() => createAttestors({ now: clock.now, ourIssuerHost: host }), RangeError, host)
    }
  })
})

describe('the keys of a JWKS file', () => {
  const clock = createTestClock()
  let directory: string

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cs-file-keys-'))
  })
  after(() => rm(directory, { recursive: true }))

  const open = (path: string) =>
    createFileKeySet({ path, issuer: 'https://a.example', algorithms: ['ES256'], now: clock.now })

  for (const [what, content] of [
    ['no JSON', '{'],
    ['no set', '{}'],
    ['a duplicate member', '{"keys":[],"keys":[]}'],
    ['a secret', '{"keys":[{"kty":"oct","k":"AA"}]}'],
    ['more than 512 KiB', `{"keys":[],"x":"${'x'.repeat(600_000)}"}`],
  ] as const) {
    it(`J-06, J-07 are refused when the file holds ${what}`, async () => {
      const path = join(directory, `${what.replaceAll(/\W/g, '-')}.json`)
      await writeFile(path, content)
      const keys = open(path)
      await assert.rejects(keys.find('a', 'ES256'), { code: 'key_set_invalid' })
      assert.equal(keys.peek('a', 'ES256'), undefined)
      assert.deepEqual(keys.cachedKids(), [])
    })
  }

  it('are refused when the path is a pipe, a device or a directory, without waiting for anybody', async () => {
    const pipe = join(directory, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const path of [pipe, '/dev/zero', directory]) {
      await assert.rejects(open(path).find('a', 'ES256'), { code: 'key_set_invalid' })
    }
  })

  it('are unavailable when the file is missing, and after closing', async () => {
    const keys = open(join(directory, 'missing.json'))
    await assert.rejects(keys.find('a', 'ES256'), { code: 'keys_unavailable' })
    const path = join(directory, 'empty.json')
    await writeFile(path, '{"keys":[]}')
    const closed = open(path)
    await closed.prefetch()
    closed.close()
    await assert.rejects(closed.find('a', 'ES256'), { code: 'keys_unavailable' })
  })

  it('are read again after a failure, but not at the pace of strangers', async () => {
    const path = join(directory, 'later.json')
    const keys = open(path)
    await assert.rejects(keys.prefetch(), { code: 'keys_unavailable' })
    await writeFile(path, '{"keys":[]}')
    await assert.rejects(keys.prefetch(), { code: 'keys_unavailable' })
    clock.advance(1)
    await keys.prefetch()
    await assert.rejects(keys.find('a', 'ES256'), { code: 'key_unknown' })
  })
})

describe('the refusals', () => {
  it('exist for every code of the verifier, with a code of the error table and fixed text', () => {
    for (const code of Object.keys(COUNTERSIGN_ERROR_CODES) as CountersignErrorCode[]) {
      const refusal = refusalOf(new CountersignError(code), 'tp_1')
      assert.ok(refusal.code in ERRORS, code)
      assert.ok(refusal.detail.length > 0 && refusal.providerId === 'tp_1')
    }
    assert.match(refusalOf(new CountersignError('claim_missing', { reason: 'exp' }), 'tp_1').detail, /\(exp\)$/)
  })
})

describe('the name of a proof', () => {
  const thumbprint = Buffer.alloc(32, 1).toString('base64url')

  it('does not depend on the signature, which can be altered', () => {
    assert.deepEqual(
      proofKey(thumbprint, 'aGVhZGVy.cGF5bG9hZA.c2ln'),
      proofKey(thumbprint, 'aGVhZGVy.cGF5bG9hZA.b3RoZXI'),
    )
  })

  it('depends on the key and on every part that the signature covers', () => {
    const name = proofKey(thumbprint, 'aGVhZGVy.cGF5bG9hZA.c2ln')
    assert.equal(name.length, 32)
    assert.notDeepEqual(name, proofKey(Buffer.alloc(32, 2).toString('base64url'), 'aGVhZGVy.cGF5bG9hZA.c2ln'))
    assert.notDeepEqual(name, proofKey(thumbprint, 'aGVhZGVy.cGF5bG9hZB.c2ln'))
    assert.notDeepEqual(name, proofKey(thumbprint, 'aGVhZGVyc.GF5bG9hZA.c2ln'))
  })

  it('does not exist for what is no thumbprint', () => {
    for (const bad of ['', 'AAAA', thumbprint.slice(1), `${thumbprint}AAAA`])
      assert.throws(() => proofKey(bad, 'a.b.c'), TypeError)
  })
})
