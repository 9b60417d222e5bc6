import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ALL_SCOPES, apiDependencies, ISSUER, policyDocument } from '../../../../test/support/api.ts'
import { createApiRoutes } from './api/index.ts'
import { createApp } from './app.ts'
import { type LocalSocketInput, listenLocally, socketPlaceOf } from './socket.ts'

const roots: string[] = []
const stops: (() => Promise<void>)[] = []
after(async () => {
  for (const stop of stops) await stop()
  for (const root of roots) rmSync(root, { recursive: true, force: true })
})

function dataDirectory(): string {
  const root = mkdtempSync(join(tmpdir(), 'cs-socket-'))
  roots.push(root)
  return root
}

const app = createApp({
  now: () => new Date(),
  log: { error: () => {} },
  issuer: ISSUER,
  allowedHosts: ['sts.acme.example'],
  routes: createApiRoutes(apiDependencies()),
})

async function start(dataDirectory: string, more: Partial<LocalSocketInput> = {}) {
  const listener = await listenLocally({ app, issuer: ISSUER, dataDirectory, ...more })
  stops.push(() => listener.stop(0))
  return listener
}

function ask(
  socketPath: string,
  path: string,
  options: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
) {
  return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const call = request(
      {
        socketPath,
        path,
        method: options.method ?? 'GET',
        headers: { 'content-type': 'application/json', ...options.headers },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }),
        )
      },
    )
    call.on('error', reject)
    call.end(options.body === undefined ? undefined : JSON.stringify(options.body))
  })
}

const unusable = { code: 'data_directory_unusable' }

describe('refuses to listen', () => {
  test('in a directory that others may enter', async () => {
    for (const mode of [0o755, 0o770, 0o701, 0o740]) {
      const root = dataDirectory()
      mkdirSync(join(root, 'run'))
      chmodSync(join(root, 'run'), mode)
      await assert.rejects(start(root), unusable)
      assert.equal(statSync(join(root, 'run')).mode & 0o777, mode)
    }
  })
  test('in a directory that is a link', async () => {
    const root = dataDirectory()
    mkdirSync(join(root, 'elsewhere'), { mode: 0o700 })
    symlinkSync(join(root, 'elsewhere'), join(root, 'run'))
    await assert.rejects(start(root), unusable)
  })
  test('where a private file stands for the directory', async () => {
    const root = dataDirectory()
    writeFileSync(join(root, 'run'), 'keep', { mode: 0o600 })
    await assert.rejects(start(root), unusable)
    assert.equal(readFileSync(join(root, 'run'), 'utf8'), 'keep')
  })
  test('in a directory that is a link to nowhere', async () => {
    const root = dataDirectory()
    symlinkSync(join(root, 'nowhere'), join(root, 'run'))
    await assert.rejects(start(root), unusable)
    assert.equal(existsSync(join(root, 'nowhere')), false)
  })
  test('where a file or a link is in the way of the socket', async () => {
    for (const block of ['file', 'link'] as const) {
      const root = dataDirectory()
      mkdirSync(join(root, 'run'), { mode: 0o700 })
      const path = join(root, 'run', 'admin.sock')
      if (block === 'file') writeFileSync(path, 'keep')
      else symlinkSync('/etc/hostname', path)
      await assert.rejects(start(root), unusable)
      assert.ok(lstatSync(path))
    }
  })
  test('where another process listens', async () => {
    const root = dataDirectory()
    const first = await start(root)
    await assert.rejects(start(root), unusable)
    assert.equal((await ask(first.path, '/v1/whoami')).status, 200)
  })
  test('in a directory of another user', { skip: process.getuid?.() !== 0 && 'needs root to make one' }, async () => {
    const root = dataDirectory()
    mkdirSync(join(root, 'run'), { mode: 0o700 })
    assert.equal(spawnSync('chown', ['65534', join(root, 'run')]).status, 0)
    await assert.rejects(start(root), unusable)
  })
})

describe('listens', () => {
  test('in a directory of mode 0700 that it makes, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const { path } = await start(dataDirectory())
      assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
      assert.equal(statSync(path).mode & 0o777, 0o600)
    } finally {
      process.umask(before)
    }
  })
  test('and whoever reaches it is local-socket with every scope, under any Host', async () => {
    const { path } = await start(dataDirectory())
    const { body } = await ask(path, '/v1/whoami', { headers: { host: 'anything' } })
    assert.equal(body.id, 'local-socket')
    assert.deepEqual(body.scopes, [...ALL_SCOPES].sort())
    const created = await ask(path, '/v1/trust-policies', {
      method: 'POST',
      body: { document: policyDocument('socket') },
    })
    assert.equal(created.status, 201)
  })
  test('after a process that died without cleaning up', async () => {
    const root = dataDirectory()
    mkdirSync(join(root, 'run'), { mode: 0o700 })
    const path = join(root, 'run', 'admin.sock')
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', script])
    assert.ok(lstatSync(path).isSocket())
    assert.equal((await ask((await start(root)).path, '/v1/whoami')).status, 200)
  })
  test('again after it stopped, leaving no socket behind', async () => {
    const root = dataDirectory()
    const first = await start(root)
    await first.stop()
    assert.equal(existsSync(first.path), false)
    assert.equal((await ask((await start(root)).path, '/v1/whoami')).status, 200)
  })
})

describe('a path that is too long for the system', () => {
  const long = () => join(dataDirectory(), 'x'.repeat(100))
  test('becomes a short one under the runtime directory, which a file in the data directory names', async () => {
    const runtimeDirectory = dataDirectory()
    const root = long()
    const listener = await start(root, { runtimeDirectory })
    assert.ok(Buffer.byteLength(listener.path) <= 100)
    assert.ok(listener.path.startsWith(runtimeDirectory))
    assert.equal(readFileSync(join(root, 'run', 'admin.sock.path'), 'utf8'), `${listener.path}\n`)
    assert.equal(statSync(dirname(listener.path)).mode & 0o777, 0o700)
    assert.equal((await ask(listener.path, '/v1/whoami')).status, 200)
    await listener.stop()
    assert.equal(existsSync(join(root, 'run', 'admin.sock.path')), false)
    assert.equal(existsSync(dirname(listener.path)), false)
  })
  test('is refused where somebody prepared the short directory (the runtime directory may be shared)', async () => {
    const runtimeDirectory = dataDirectory()
    const root = long()
    const { directory } = socketPlaceOf(root, runtimeDirectory)
    symlinkSync(dataDirectory(), directory)
    await assert.rejects(start(root, { runtimeDirectory }), unusable)
  })
  test('is short exactly when 100 bytes are not enough, and differs between data directories', () => {
    const fits = `/${'a'.repeat(84)}`
    assert.equal(Buffer.byteLength(join(fits, 'run', 'admin.sock')), 100)
    assert.equal(socketPlaceOf(fits, '/r').pointer, undefined)
    const one = socketPlaceOf(`${fits}a`, '/r')
    const other = socketPlaceOf(`${fits}b`, '/r')
    assert.equal(one.pointer, `${fits}a/run/admin.sock.path`)
    assert.notEqual(one.path, other.path)
    assert.notEqual(socketPlaceOf(`/${'é'.repeat(50)}`, '/r').pointer, undefined)
  })
})
