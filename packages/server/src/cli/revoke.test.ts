import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { writeSampleReceipt } from '../audit/receipt.fixture.ts'
import { assertGolden } from './testing/golden.ts'
import { runLine } from './testing/run-line.ts'
import { problem, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
let api: StandInApi

beforeEach(async () => {
  await api?.close()
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

const COMMITTED = Date.UTC(2026, 10, 24, 9, 4, 7, 112)
const at = (ms: number) => new Date(COMMITTED + ms).toISOString()

function receipt(confirmed: number, change: object = {}): Record<string, unknown> {
  return {
    id: 'rcpt_01jz8m2q4c6e8g0j2m4p6r8t0v',
    state: 'pending',
    waiting_for: 'followers',
    kind: 'policy',
    value: 'pol_01jz8m2q4c6e8g0j2m4p6r8t0v',
    revision: 41,
    reason: 'INC-42 \u001b[31m\u202e',
    actor: 'local-socket',
    committed_at: at(0),
    effective_everywhere_at: at(900_000),
    followers: [0, 1].map((index) => ({
      id: `wl_1/${index}`,
      workload_id: 'wl_1',
      service: 'svc_orders',
      lease_until: at(30_000),
      confirmed_at: index < confirmed ? at(38) : null,
    })),
    services: [
      {
        id: 'svc_orders',
        name: 'orders',
        followers: 2,
        may_accept_until: at(confirmed === 2 ? 38 : 30_000),
        why: 'followers',
      },
      { id: 'svc_legacy', name: 'legacy', followers: 0, may_accept_until: at(900_000), why: 'no_followers' },
      { id: 'svc_soft', name: 'soft', followers: 0, may_accept_until: at(600_000), why: 'last_known_good' },
      { id: 'svc_done', name: 'done', followers: 0, may_accept_until: null, why: 'no_followers' },
      { id: 'svc_m', name: 'countersign-management', followers: 0, may_accept_until: at(6_000), why: 'server' },
    ],
    event_id: 'evt_1',
    final_at: null,
    note: null,
    proof: null,
    ...change,
  }
}

const FINAL = receipt(2, { state: 'final', waiting_for: null, final_at: at(412), note: 'note', proof: {} })

const revoke = (line: string, options: Parameters<typeof runLine>[1] = {}) =>
  runLine(['revoke', ...line.split(' '), '--server', api.url, '--timeout', '2s'], {
    cwd,
    now: () => new Date(COMMITTED + 1_000),
    ...options,
  })

describe('revoke refuses before it asks the server', () => {
  for (const [what, line] of [
    ['an unknown kind', 'everything now --reason x'],
    ['the spelling of the API', 'signing_key k1 --reason x'],
    ['no value', 'policy --reason x'],
    ['no reason', 'policy deploy'],
    ['a wait that is no duration', 'policy deploy --reason x --wait soon'],
    ['a wait without end', 'policy deploy --reason x --wait 2h'],
    ['a dry run, which it has not', 'policy deploy --reason x --dry-run'],
  ] as const) {
    test(what, async () => {
      assert.equal((await revoke(line)).exit, 2)
      assert.equal(api.requests.length, 0)
    })
  }

  for (const kind of ['provider', 'service', 'issued-before']) {
    test(`a whole ${kind} without a confirmation`, async () => {
      assert.equal((await revoke(`${kind} now --reason x`)).exit, 2)
      assert.equal((await revoke(`${kind} now --reason x`, { terminal: 100, stdin: 'n\n' })).exit, 2)
      assert.equal(api.requests.length, 0)
      api.answer('POST /v1/revocations', { status: 201, body: FINAL })
      const asked = await revoke(`${kind} now --reason x`, { terminal: 100, stdin: 'y\n' })
      assert.equal(asked.exit, 0)
      assert.match(asked.stderr, /\[y\/N\]/)
      assert.equal((await revoke(`${kind} now --reason x --yes`)).exit, 0)
    })
  }

  test('an output file that exists, which stays as it is', async () => {
    writeFileSync(join(cwd, 'taken.json'), 'mine')
    assert.equal((await revoke('policy deploy --reason x --out-file taken.json')).exit, 5)
    assert.equal(readFileSync(join(cwd, 'taken.json'), 'utf8'), 'mine')
    assert.equal(api.requests.length, 0)
  })
})

describe('revoke', () => {
  test('leaves no file when nothing was revoked', async () => {
    api.answer('POST /v1/revocations', problem(404, 'not_found'))
    const result = await revoke('policy deploy --reason x --out-file none.json')
    assert.equal(result.exit, 1)
    assert.equal(existsSync(join(cwd, 'none.json')), false)
  })

  test('is sent once, also where the server answers that it is busy', async () => {
    api.answer('POST /v1/revocations', problem(503, 'store_unavailable'))
    assert.equal((await revoke('policy deploy --reason x')).exit, 3)
    assert.equal(api.requests.length, 1)
  })

  test('says how far it is on stderr, ends when the receipt is final, and writes it', async () => {
    api.answer('POST /v1/revocations', { status: 201, body: receipt(0) })
    api.answer(
      'GET /v1/receipts/rcpt_01jz8m2q4c6e8g0j2m4p6r8t0v',
      { body: receipt(1) },
      { body: receipt(2, { waiting_for: 'sealing' }) },
      { body: FINAL },
    )
    const line = 'signing-key k1 --reason INC-42 --disable --force --wait 20s --out-file receipt.json'
    const result = await revoke(line)
    assert.equal(result.exit, 0)
    assert.match(
      result.stderr,
      /0 of 2 verifiers .*\n.*1 of 2 verifiers .*\n.*sealed \.\.\.\nwritten receipt\.json, mode 0600\n$/,
    )
    assert.deepEqual(JSON.parse(api.requests[0]?.body ?? ''), {
      ...{ kind: 'signing_key', value: 'k1', reason: 'INC-42', disable: true, force: true, wait_seconds: 2 },
    })
    assert.deepEqual(JSON.parse(readFileSync(join(cwd, 'receipt.json'), 'utf8')), FINAL)
    assert.equal(statSync(join(cwd, 'receipt.json')).mode & 0o777, 0o600)
    // What a reason holds acts on no terminal, and not on one that shows the file.
    const shown = result.stdout + readFileSync(join(cwd, 'receipt.json'), 'utf8')
    for (const unit of ['\u001b', '\u202e']) assert.equal(shown.includes(unit), false)
    assertGolden('revoke-final', result.stdout)
  })

  test('a receipt that stays pending is exit 3 where a wait was asked for, else 0 and said', async () => {
    api.answer('POST /v1/revocations', { status: 201, body: receipt(1) })
    const asked = await revoke('policy deploy --reason x --wait 0')
    assert.equal(asked.exit, 3)
    assert.match(asked.stdout, /pending: waits for verifiers/)
    assertGolden('revoke-pending', asked.stdout)
    // Whoever may revoke and not read receipts is shown what the answer held.
    const unasked = await revoke('policy deploy --reason x -o json')
    assert.equal(unasked.exit, 0)
    assert.deepEqual(JSON.parse(unasked.stdout), receipt(1))
  })

  test('interrupting it ends the waiting, and what was revoked is shown', async () => {
    api.answer('POST /v1/revocations', { status: 201, body: receipt(1) })
    api.answer('GET /v1/receipts/rcpt_01jz8m2q4c6e8g0j2m4p6r8t0v', { body: receipt(1) })
    const controller = new AbortController()
    const result = await revoke('policy deploy --reason x', {
      signal: controller.signal,
      onStderr: () => controller.abort('SIGINT'),
    })
    assert.match(result.stdout, /rcpt_01jz8m2q4c6e8g0j2m4p6r8t0v {3}pending/)
  })

  test('fits a terminal', async () => {
    api.answer('POST /v1/revocations', { status: 201, body: FINAL })
    const { stdout } = await revoke('policy deploy --reason x --no-color', { terminal: 80 })
    assertGolden('revoke-80', stdout)
  })
})

describe('receipts', () => {
  test('a list shows who confirmed', async () => {
    api.answer('GET /v1/receipts', { body: { items: [receipt(1), FINAL], next: null } })
    const line = ['receipts', 'list', '--server', api.url, '--filter', 'state=pending']
    const { stdout } = await runLine(line)
    assert.match(stdout, /pending .* 1\/2/)
    assert.match(stdout, /final .* 2\/2/)
    assert.equal(api.requests[0]?.query.get('state'), 'pending')
  })

  test('one is written as it is, and as it is printed it verifies the same', async () => {
    const { wire, keys } = await writeSampleReceipt()
    api.answer('GET /v1/receipts/rcpt_1', { body: wire })
    writeFileSync(join(cwd, 'both.key'), `${keys.join('\n')}\n`)
    const get = ['receipts', 'get', 'rcpt_1', '--server', api.url]
    assert.equal((await runLine([...get, '--out-file', 'got.json'], { cwd })).exit, 0)
    assert.equal((await runLine([...get, '--out-file', 'got.json'], { cwd })).exit, 5)
    const printed = await runLine([...get, '-o', 'json'], { cwd })
    for (const [path, stdin] of [
      ['got.json', ''],
      ['-', printed.stdout],
      ['-', JSON.stringify(wire)],
    ] as const) {
      const verified = await runLine(['audit', 'verify', path, '--key-file', 'both.key'], { cwd, stdin })
      assert.equal(verified.exit, 0, verified.stdout)
      assert.match(verified.stdout, /^VERIFIED {2}receipt, 0 faults {3}\(offline\)\n/)
    }
  })
})

describe('audit verify of a receipt', () => {
  const verify = async (content: string, ...more: readonly string[]) => {
    writeFileSync(join(cwd, 'one.json'), content)
    return runLine(['audit', 'verify', 'one.json', ...more], { cwd, now: () => new Date(Date.UTC(2027, 0, 1, 1)) })
  }

  test('A-06: one changed fact, one key alone, or a pending receipt: exit 1, the check named, nothing shown of it', async () => {
    const { wire, keys } = await writeSampleReceipt()
    writeFileSync(join(cwd, 'both.key'), keys.join('\n'))
    writeFileSync(join(cwd, 'log.key'), keys[0] ?? '')
    const pinned = ['--key-file', 'both.key']
    for (const [content, options, check] of [
      [{ ...wire, value: 'pol_other' }, pinned, 'note facts'],
      [{ ...wire, state: 'pending' }, pinned, 'final'],
      [wire, ['--key-file', 'log.key'], 'note signature'],
      [{ ...wire, more: 1 }, [], 'format'],
    ] as const) {
      const result = await verify(JSON.stringify(content), ...options)
      assert.equal(result.exit, 1, check)
      assert.match(result.stdout, /^NOT VERIFIED {2}receipt, [1-9]/)
      assert.match(result.stdout, new RegExp(`failed +${check}`))
      assert.doesNotMatch(result.stdout, /pol_|left the company/)
    }
  })

  test('A-06: an export is still told as one, cut off or not, and a receipt in an export is none', async () => {
    const { wire } = await writeSampleReceipt()
    for (const content of [
      '{"format":"countersign-audit-export"}\n{"id":"rcpt_1"}\n',
      '',
      '{',
      'rcpt_1',
      `[${JSON.stringify(wire)}]`,
    ]) {
      const result = await verify(content)
      assert.equal(result.exit, 1)
      assert.match(result.stdout, /^NOT VERIFIED {2}\d+ events/)
    }
  })

  test('a checkpoint from elsewhere is for exports', async () => {
    const { wire } = await writeSampleReceipt()
    writeFileSync(join(cwd, 'checkpoint.txt'), 'note')
    assert.equal((await verify(JSON.stringify(wire), '--checkpoint-file', 'checkpoint.txt')).exit, 2)
  })

  test('one document for programs, a table of checks and the receipt for people', async () => {
    const { wire, keys, size } = await writeSampleReceipt()
    writeFileSync(join(cwd, 'both.key'), keys.join('\n'))
    const json = JSON.parse((await verify(JSON.stringify(wire), '--key-file', 'both.key', '-o', 'json')).stdout)
    assert.deepEqual(
      [json.ok, json.receipt, json.size, json.keys, json.checks.length],
      [true, wire['id'], String(size), 'pinned', 8],
    )
    const own = await verify(JSON.stringify(wire))
    assert.equal(own.exit, 0)
    assertGolden('audit-verify-receipt', own.stdout)
  })
})

test('the keys are printed as `--key-file` takes them', async () => {
  const items = [
    { name: 'log.example', key: 'log.example+0a+AQ==' },
    { name: 'log.example/receipts', key: 'log.example/receipts+0b+AQ==' },
  ]
  api.answer('GET /v1/audit/keys', { body: { items, next: null } })
  const { stdout } = await runLine(['audit', 'keys', '--server', api.url])
  assert.equal(stdout, 'log.example+0a+AQ==\nlog.example/receipts+0b+AQ==\n')
})
