// G-10: one contract for every provider of the key-encryption key, and G-01, G-08 behind it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { cleanUp, type TestScope } from '../../../../../test/support/database.ts'
import { ServiceError } from '../../errors.ts'
import { postJson } from '../../outbound/index.ts'
import { createFileSeal } from './file.ts'
import type { SealProvider } from './provider.ts'
import { startTransitServer } from './transit.fixture.ts'
import { createTransitSeal } from './transit.ts'

interface Contestants {
  readonly provider: SealProvider
  /** The same kind with another key. */
  readonly other: SealProvider
  /** Takes the key away, for good. */
  readonly lose: () => void
}

const code =
  (...expected: string[]) =>
  (error: unknown) =>
    error instanceof ServiceError && expected.includes(error.code)

function temporary(scope: TestScope): string {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-provider-'))
  cleanUp(scope, () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const CONTESTANTS: Readonly<Record<string, (scope: TestScope) => Promise<Contestants>>> = {
  'a file in the data directory': async (scope) => {
    const directory = temporary(scope)
    const made = (name: string) => {
      const provider = createFileSeal({ path: join(directory, name), mayCreate: true })
      provider.prepare?.()
      return provider
    }
    return { provider: made('kek'), other: made('other'), lose: () => rmSync(join(directory, 'kek')) }
  },
  'a mounted secret file': async (scope) => {
    const directory = temporary(scope)
    const mounted = (name: string) => {
      writeFileSync(join(directory, name), randomBytes(32), { mode: 0o600 })
      return createFileSeal({ path: join(directory, name), mayCreate: false })
    }
    return { provider: mounted('kek'), other: mounted('other'), lose: () => rmSync(join(directory, 'kek')) }
  },
  'a transit key of OpenBao': async (scope) => {
    const directory = temporary(scope)
    const server = await startTransitServer(scope)
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, `${server.token}\n`, { mode: 0o600 })
    const transit = (key: string) => {
      server.createKey(key)
      const input = {
        address: server.address,
        key,
        mount: 'transit',
        tokenFile,
        namespace: undefined,
        caFile: undefined,
      }
      return createTransitSeal(input, { post: postJson, pause: async () => {} })
    }
    return { provider: transit('ours'), other: transit('other'), lose: () => server.deleteKey('ours') }
  },
}

for (const [name, contestants] of Object.entries(CONTESTANTS)) {
  describe(`G-10: ${name}`, () => {
    test('does not unwrap what another key has wrapped', async (t) => {
      const { provider, other } = await contestants(t)
      const wrapping = await other.wrap(randomBytes(32), 'context')
      assert.equal(provider.knows(wrapping), false)
      await assert.rejects(provider.unwrap(wrapping, 'context'), code('seal_key_wrong'))
    })

    test('does not unwrap for another context', async (t) => {
      const { provider } = await contestants(t)
      const wrapping = await provider.wrap(randomBytes(32), 'context')
      await assert.rejects(provider.unwrap(wrapping, 'other context'), code('seal_key_wrong'))
    })

    test('does not unwrap what was changed, cut short, or is nothing at all', async (t) => {
      const { provider } = await contestants(t)
      const wrapping = await provider.wrap(randomBytes(32), 'context')
      const { wrapped } = wrapping
      const changed = `${wrapped.slice(0, -6)}${wrapped.at(-6) === 'A' ? 'B' : 'A'}${wrapped.slice(-5)}`
      for (const bad of [changed, wrapped.slice(0, 20), wrapped.slice(0, -8), '', 'vault:v0:AAAA']) {
        await assert.rejects(provider.unwrap({ ...wrapping, wrapped: bad }, 'context'), code('seal_key_wrong'))
      }
    })

    test('says that the key is gone, and makes no other in its place', async (t) => {
      const { provider, lose } = await contestants(t)
      const wrapping = await provider.wrap(randomBytes(32), 'context')
      lose()
      await assert.rejects(provider.unwrap(wrapping, 'context'), code('seal_key_missing', 'seal_key_wrong'))
      await assert.rejects(provider.wrap(randomBytes(32), 'context'), code('seal_key_missing', 'seal_refused'))
    })

    test('gives back what it wrapped, never wraps twice alike, and shows neither key nor secret (G-08)', async (t) => {
      const { provider } = await contestants(t)
      const dataKey = randomBytes(32)
      const wrapping = await provider.wrap(dataKey, 'context')
      assert.deepEqual(Buffer.from(await provider.unwrap(wrapping, 'context')), dataKey)
      assert.equal(provider.knows(wrapping), true)
      assert.equal(wrapping.provider, provider.name)
      assert.notEqual((await provider.wrap(dataKey, 'context')).wrapped, wrapping.wrapped)
      const shown = JSON.stringify([wrapping, provider.location])
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        assert.ok(!shown.includes(dataKey.toString(encoding)))
    })
  })
}
