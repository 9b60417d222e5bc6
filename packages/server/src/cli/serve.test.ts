import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ServiceError } from '../errors.ts'
import type { QuickstartModule, ServerModule } from './modules.ts'
import { runLine } from './testing/run-line.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
after(() => rmSync(cwd, { recursive: true, force: true }))

/** A composition root that records how it is called; the real one has its own tests. */
function standInServer(closed: Promise<unknown> = new Promise(() => {})) {
  const calls: unknown[] = []
  let stopped = 0
  const server: ServerModule = {
    async startServer(options) {
      calls.push({ configFile: options.configFile, overrides: options.overrides })
      return {
        address: 'http://127.0.0.1:8700',
        closed,
        stop: async () => {
          stopped += 1
        },
      }
    },
    migrate: async () => ({ from: 3, to: 4 }),
  }
  return { modules: { server: async () => server }, calls, stopped: () => stopped }
}

test('serve prints one line when it is ready, and stops the server on a signal: exit 0', async () => {
  const { modules, calls, stopped } = standInServer()
  const interrupt = new AbortController()
  const running = runLine(['serve', '--data-dir', 'data'], { cwd, modules, signal: interrupt.signal })
  while (calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
  interrupt.abort('SIGTERM')
  const result = await running
  assert.deepEqual(result, { exit: 0, stdout: 'countersign is ready at http://127.0.0.1:8700\n', stderr: '' })
  assert.equal(stopped(), 1)
  assert.deepEqual(calls, [{ configFile: undefined, overrides: { dataDirectory: join(cwd, 'data') } }])
})

test('serve takes --config, else ./countersign.yaml', async () => {
  writeFileSync(join(cwd, 'countersign.yaml'), 'issuer: http://127.0.0.1:8700\n')
  for (const [line, file] of [
    [['serve'], 'countersign.yaml'],
    [['serve', '--config', 'other.yaml'], 'other.yaml'],
  ] as const) {
    const { modules, calls } = standInServer()
    await runLine(line, { cwd, modules, signal: AbortSignal.abort('SIGINT') })
    assert.deepEqual(calls, [{ configFile: join(cwd, file), overrides: {} }])
  }
})

test('a server that ends by itself is exit 3', async () => {
  const { modules } = standInServer(Promise.resolve())
  assert.equal((await runLine(['serve'], { cwd, modules })).exit, 3)
})

test('a start that is refused is exit 2 with every fault of the configuration', async () => {
  const refuse = async (): Promise<never> => {
    throw new ServiceError('config_invalid', {
      detail: '\n  a: b',
      problems: [
        {
          pointer: 'countersign.yaml:1 issur',
          code: 'config_invalid',
          detail: 'no such key',
          fix: 'did you mean issuer?',
        },
        { pointer: 'listen.port', code: 'config_invalid', detail: 'too large', fix: 'at most 65535' },
      ],
    })
  }
  const modules = { server: async () => ({ startServer: refuse, migrate: refuse }) }
  const result = await runLine(['serve'], { cwd, modules })
  assert.equal(result.exit, 2)
  assert.equal(
    result.stderr,
    [
      'error: the configuration is not valid (config_invalid)',
      '  countersign.yaml:1 issur: no such key',
      '    fix: did you mean issuer?',
      '  listen.port: too large',
      '    fix: at most 65535',
      'fix: see each line',
      'see: countersign errors config_invalid',
      '',
    ].join('\n'),
  )
})

test('migrate says what it did', async () => {
  const { modules } = standInServer()
  assert.equal((await runLine(['migrate'], { cwd, modules })).stdout, 'the schema is migrated: version 3 -> 4\n')
})

test('quickstart hands on its flags and answers with the exit code of the run', async () => {
  const calls: unknown[] = []
  const quickstart: QuickstartModule = {
    async runQuickstart({ output, keep, check, directory }) {
      calls.push({ output, keep, check, directory })
      return 1
    },
  }
  const modules = { quickstart: async () => quickstart }
  assert.equal(
    (await runLine(['quickstart', '--output', 'json', '--keep', '--directory', 'demo'], { cwd, modules })).exit,
    1,
  )
  await runLine(['quickstart', '--check'], { cwd, modules })
  assert.deepEqual(calls, [
    { output: 'json', keep: true, check: false, directory: join(cwd, 'demo') },
    { output: 'text', keep: false, check: true, directory: join(cwd, '.quickstart') },
  ])
})
