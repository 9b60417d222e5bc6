import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { follow, token, until, withServer } from './follower.fixture.ts'
import type { FollowerMemory } from './follower-state.ts'
import { REVOCATION_KINDS } from './revocation-set.ts'
import { formatSnapshot, parseSnapshot } from './snapshot.ts'

const unavailable = { code: 'revocation_unavailable' }
const OWNER = { server: 'https://sts.example', service: 'orders-api' }

function makePath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-follower-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'revocations.json')
}

const withoutClock = process.platform === 'linux' ? false : 'the clock of the machine is read on Linux only'

/** A follower that has learned of a revocation, was closed, and left its snapshot. */
async function leaveSnapshot(t: TestContext, snapshotFile: string) {
  const server = await withServer(t)
  server.commit({})
  const { follower } = follow(t, server, { snapshotFile })
  await follower.ready()
  await follower.close()
  return server
}

function edit(path: string, change: (value: Record<string, unknown>) => unknown): void {
  const value = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  writeFileSync(path, JSON.stringify({ ...value, ...(change(value) as object) }))
}

test('a process that is closed and started again goes on with the rest of its lease while the server is down', {
  skip: withoutClock,
}, async (t) => {
  const path = makePath(t)
  const server = await leaveSnapshot(t, path)
  // The server still counts on the lease: it was not ended.
  assert.equal(server.leases.size, 1)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await server.stop()
  const { follower } = follow(t, server, { snapshotFile: path })
  assert.equal(follower.checkSync(token()), 'accepted')
  assert.equal(follower.checkSync(token('gone')), 'revoked')
  assert.equal(follower.state().applied, 1)
  await follower.ready()
  await server.start()
})

test('invariant 7: what is left of a lease is what the clocks say, and nothing on another start of the machine', {
  skip: withoutClock,
}, async (t) => {
  const original = makePath(t)
  const server = await leaveSnapshot(t, original)
  server.lease = 503
  const path = `${original}.copy`
  type Lease = Record<string, number | string>
  const changes: Record<string, (lease: Lease) => Lease | null> = {
    'no lease': () => null,
    'another boot': (lease) => ({ ...lease, boot_id: 'another' }),
    'sent an hour ago by the wall clock': (lease) => ({ ...lease, sent_wall: Number(lease['sent_wall']) - 3_600_000 }),
    'sent in an hour by the wall clock': (lease) => ({ ...lease, sent_wall: Number(lease['sent_wall']) + 3_600_000 }),
    'sent an hour ago by the clock of the machine': (lease) => ({
      ...lease,
      sent_mono: Number(lease['sent_mono']) - 3_600_000,
    }),
    'sent in an hour by the clock of the machine': (lease) => ({
      ...lease,
      sent_mono: Number(lease['sent_mono']) + 3_600_000,
    }),
    'of more than a day': (lease) => ({ ...lease, seconds: 1e9 }),
    'of no time': (lease) => ({ ...lease, seconds: 0 }),
    'of text': (lease) => ({ ...lease, seconds: '30' }),
  }
  for (const [name, change] of Object.entries(changes)) {
    copyFileSync(original, path)
    chmodSync(path, 0o600)
    edit(path, (value) => ({ lease: change(value['lease'] as Lease) }))
    const { follower } = follow(t, server, { snapshotFile: path })
    assert.equal(follower.checkSync(token()), undefined, name)
    assert.equal(follower.checkSync(token('gone')), 'revoked', name)
    await assert.rejects(follower.check(token()), unavailable, name)
    await follower.close()
  }
})

test('a process that was killed has no lease when it starts again, but knows what was revoked', async (t) => {
  const path = makePath(t)
  const server = await withServer(t)
  server.commit({})
  const first = follow(t, server, { snapshotFile: path })
  await first.follower.ready()
  // Written while it runs; this is all that a killed process leaves.
  await until(() => existsSync(path))
  const left = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  assert.equal(left['lease'], undefined)
  server.lease = 503
  const second = follow(t, server, { snapshotFile: path })
  assert.equal(second.follower.checkSync(token()), undefined)
  assert.equal(second.follower.checkSync(token('gone')), 'revoked')
})

test('without a machine clock the lease is ended at the server, and none is left on disk', async (t) => {
  const path = makePath(t)
  const server = await withServer(t)
  const { follower } = follow(t, server, { snapshotFile: path, monotonicMs: () => performance.now() })
  await follower.ready()
  await follower.close()
  assert.equal(server.leases.size, 0)
  assert.equal((JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)['lease'], undefined)
})

test('a snapshot that others could have written, or of another follower, is not used', async (t) => {
  const path = makePath(t)
  const server = await leaveSnapshot(t, path)
  server.lease = 503
  const text = readFileSync(path, 'utf8')
  const refuses = async (name: string) => {
    const { follower, events } = follow(t, server, { snapshotFile: path })
    assert.equal(follower.checkSync(token('gone')), undefined, name)
    assert.equal(follower.state().applied, 0, name)
    assert.ok(
      events.some(({ type }) => type === 'snapshot_failed'),
      name,
    )
    await follower.close()
    rmSync(path, { force: true })
  }
  for (const mode of [0o644, 0o660, 0o602]) {
    writeFileSync(path, text)
    chmodSync(path, mode)
    await refuses(mode.toString(8))
  }
  writeFileSync(`${path}.real`, text, { mode: 0o600 })
  symlinkSync(`${path}.real`, path)
  await refuses('a link')
  const damages: [string, string][] = [
    ['empty', ''],
    ['cut', text.slice(0, -1)],
    ['another version', text.replace('"version":1', '"version":2')],
    ['another service', text.replace('orders-api', 'other-api')],
    ['another server', text.replace(/"server":"[^"]*"/, '"server":"https://other.example"')],
    ['an unknown kind', text.replace('"kind":"jti"', '"kind":"planet"')],
    ['an applied revision of text', text.replace('"applied":1', '"applied":"1"')],
  ]
  for (const [name, damaged] of damages) {
    writeFileSync(path, damaged, { mode: 0o600 })
    await refuses(name)
  }
})

test('a snapshot that cannot be written is reported, and verification goes on', async (t) => {
  const server = await withServer(t)
  const { follower, events } = follow(t, server, { snapshotFile: '/nonexistent/directory/file' })
  await follower.ready()
  assert.equal(follower.checkSync(token()), 'accepted')
  await follower.close()
  assert.ok(events.some(({ type }) => type === 'snapshot_failed'))
  // It could not be left to the next process, so it is ended.
  assert.equal(server.leases.size, 0)
})

test('nothing but the snapshot is left in its directory', async (t) => {
  const path = makePath(t)
  await leaveSnapshot(t, path)
  assert.deepEqual(readdirSync(join(path, '..')), ['revocations.json'])
})

test('a snapshot is read as it was written', () => {
  const instant = fc.integer({ min: 0, max: 4e12 })
  const revision = fc.nat({ max: 2 ** 40 })
  const entry = fc.constantFrom(...REVOCATION_KINDS).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      value: fc.string({ minLength: 1, maxLength: 50 }),
      upToRevision: fc.option(revision),
      issuedBeforeMs: kind === 'issued_before' ? instant : fc.constant(null),
      expiresAtMs: instant,
    }),
  )
  const memory: fc.Arbitrary<Omit<FollowerMemory, 'lease'>> = fc.record({
    applied: revision,
    tag: fc.string({ maxLength: 16 }),
    expiredUpToMs: instant,
    entries: fc.array(entry),
    serviceId: fc.option(fc.string({ minLength: 1, maxLength: 50 }), { nil: undefined }),
    onUnavailable: fc.constantFrom('deny', 'last-known-good'),
  })
  const lease = fc.record({
    sentWallMs: instant,
    sentBootMs: instant,
    leaseMs: fc.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * 1000),
    bootId: fc.uuid(),
  })
  fc.assert(
    fc.property(memory, fc.option(lease, { nil: undefined }), (kept, held) => {
      const snapshot = structuredClone({ memory: kept, lease: held })
      assert.deepEqual(parseSnapshot(formatSnapshot(snapshot, OWNER), OWNER), snapshot)
    }),
  )
})

test('whatever a file holds, reading it gives a snapshot or nothing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.equal(parseSnapshot(text, OWNER), undefined)
    }),
  )
})
