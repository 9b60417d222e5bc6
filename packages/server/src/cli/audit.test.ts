import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import type { AuditModule } from './modules.ts'
import { runLine } from './testing/run-line.ts'
import { type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
let api: StandInApi
const event = (id: string, outcome = 'allowed') => ({
  id,
  at: '2026-11-24T09:04:07.112Z',
  kind: 'exchange.decided',
  outcome,
  actor: 'workload:wl_1',
  workload_id: 'wl_1',
  data: {},
  leaf_index: null,
})

beforeEach(async () => {
  await api?.close()
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

test('an export is passed on byte for byte', async () => {
  const lines = '{"a":"\u202e"}\n{"b":1}\n'
  api.answer('GET /v1/audit/export', { body: lines, headers: { 'content-type': 'application/jsonl' } })
  const result = await runLine(['audit', 'export', '--server', api.url])
  assert.equal(result.exit, 0)
  assert.equal(result.stdout, lines)
})

test('an export to a file is a new 0600 file, and none at all when it breaks off', async () => {
  api.answer('GET /v1/audit/export', { body: '{"a":1}\n' })
  const line = ['audit', 'export', '--server', api.url, '--out-file', 'audit.jsonl']
  assert.equal((await runLine(line, { cwd })).exit, 0)
  assert.equal(readFileSync(join(cwd, 'audit.jsonl'), 'utf8'), '{"a":1}\n')
  assert.equal(statSync(join(cwd, 'audit.jsonl')).mode & 0o777, 0o600)
  assert.equal((await runLine(line, { cwd })).exit, 5)
  assert.equal(api.requests.length, 1)
  api.answer('GET /v1/audit/export', { breaks: true })
  const broken = await runLine(['audit', 'export', '--server', api.url, '--out-file', 'broken.jsonl'], { cwd })
  assert.equal(broken.exit, 3)
  assert.equal(existsSync(join(cwd, 'broken.jsonl')), false)
})

test('A-06: an export that is none does not verify: exit 1; a file that is not there is exit 2', async () => {
  writeFileSync(join(cwd, 'forged.jsonl'), '{"nothing":"signed"}\n')
  const forged = await runLine(['audit', 'verify', 'forged.jsonl'], { cwd })
  assert.equal(forged.exit, 1)
  assert.match(forged.stdout, /^NOT VERIFIED/)
  const json = await runLine(['audit', 'verify', '-', '-o', 'json'], { cwd, stdin: '' })
  assert.equal(json.exit, 1)
  assert.equal(JSON.parse(json.stdout).ok, false)
  assert.equal((await runLine(['audit', 'verify', 'nowhere'], { cwd })).exit, 2)
  assert.equal((await runLine(['audit', 'verify', '.'], { cwd })).exit, 2)
})

test('a key file without a key is refused instead of trusting the export', async () => {
  writeFileSync(join(cwd, 'empty.key'), '\n')
  writeFileSync(join(cwd, 'bad.key'), 'not a key\n')
  for (const key of ['empty.key', 'bad.key', 'nowhere.key']) {
    const result = await runLine(['audit', 'verify', 'forged.jsonl', '--key-file', key], { cwd })
    assert.equal(result.exit, 2, key)
  }
})

test('A-06: the first bad entry is named, with at most ten faults; keys and checkpoint from elsewhere are handed on', async () => {
  const seen: unknown[] = []
  const verdict = {
    ok: false,
    origin: 'sts.acme.example/v1/audit',
    events: 31,
    checkpoints: 2,
    vouched: 11,
    keys: 'pinned' as const,
    faults: Array.from({ length: 12 }, (_, index) => ({
      kind: 'entry_changed',
      line: index + 14,
      index: index + 12,
      detail: `entry ${index + 12} was changed`,
    })),
    furtherFaults: 3,
    firstBad: 12,
  }
  const audit: AuditModule = {
    looksLikeReceipt: () => false,
    verifyReceipt: () => assert.fail('it is no receipt'),
    async *readExportLines() {},
    async verifyExport(_lines, expectation) {
      seen.push(expectation)
      return verdict
    },
  }
  writeFileSync(join(cwd, 'log.key'), 'one\n\ntwo\n')
  writeFileSync(join(cwd, 'checkpoint.txt'), 'note')
  const line = ['audit', 'verify', 'forged.jsonl', '--key-file', 'log.key', '--checkpoint-file', 'checkpoint.txt']
  const { exit, stdout } = await runLine(line, { cwd, modules: { audit: async () => audit } })
  assert.equal(exit, 1)
  assert.deepEqual(seen, [{ trustedKeys: ['one', 'two'], expected: 'note' }])
  assert.match(
    stdout,
    /^NOT VERIFIED {2}31 events, 2 checkpoints, 15 faults {3}\(offline\)\nlog sts\.acme\.example\/v1\/audit\nfirst bad entry: 12\n/,
  )
  assert.match(stdout, /and 5 more/)
})

test('tail shows what is new, once, oldest first, until it is interrupted', async () => {
  const first = [event('evt_2'), event('evt_1')]
  api.answer(
    'GET /v1/events',
    { body: { items: first, next: null } },
    { body: { items: first, next: null } },
    { body: { items: [event('evt_3', 'denied'), ...first], next: null } },
  )
  const lines = await runLine([
    'audit',
    'tail',
    '--server',
    api.url,
    '-o',
    'jsonl',
    '--interval',
    '100ms',
    '--limit',
    '3',
    '--filter',
    'kind=exchange.decided',
  ])
  assert.equal(lines.exit, 0)
  assert.deepEqual(
    lines.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
    ['evt_1', 'evt_2', 'evt_3'],
  )
  assert.equal(api.requests[0]?.query.get('kind'), 'exchange.decided')
})

test('tail refuses an interval that would be a flood', async () => {
  assert.equal((await runLine(['audit', 'tail', '--server', api.url, '--interval', '1ms'])).exit, 2)
})

test('a checkpoint is the signed note as it is', async () => {
  const note = 'sts.acme.example/v1/audit\n31\nqwer=\n\n— sts.acme.example/v1/audit AbCd==\n'
  api.answer('GET /v1/audit/checkpoint', { body: { size: 31, root: 'qwer=', note, at: '2026-11-24T09:04:07.112Z' } })
  assert.equal((await runLine(['audit', 'checkpoint', '--server', api.url])).stdout, note)
})
