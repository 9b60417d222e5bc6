// The first thing that anybody runs: it ends well, says nothing secret, and can be run again.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CommandEnd, runCommand } from '../support/command-line.ts'

const cwd = mkdtempSync(join(tmpdir(), 'countersign-quickstart-'))
after(() => rmSync(cwd, { recursive: true, force: true }))

const LIMIT = { timeout: 300_000 }
const quickstart = (...args: readonly string[]) => runCommand(['quickstart', ...args], { cwd })

/** Every secret that lies in the quickstart's directory: tokens of jobs and pods, the key-encryption key. */
function secretsOnDisk(): readonly string[] {
  const directory = join(cwd, '.quickstart')
  const jobs = join(directory, 'jobs')
  const ofJobs = readdirSync(jobs).flatMap((name) => {
    const text = readFileSync(join(jobs, name), 'utf8')
    if (name.endsWith('.token')) return [text.trim()]
    return name.endsWith('.env') ? [...text.matchAll(/^\w*TOKEN=(.+)$/gm)].map((match) => match[1] ?? '') : []
  })
  return [...ofJobs, readFileSync(join(directory, 'data', 'kek'), 'utf8').trim()]
}

function assertNothingSecret({ stdout, stderr }: CommandEnd): void {
  const printed = `${stdout}${stderr}`
  const secrets = secretsOnDisk()
  assert.ok(secrets.length >= 4 && secrets.every((secret) => secret.length >= 16), 'the secrets of the run were found')
  for (const secret of secrets) {
    assert.ok(!printed.includes(secret), 'a secret was printed')
    // Nor the signature of a token whose other parts are shown.
    assert.ok(!printed.includes(secret.slice(-24)), 'the end of a secret was printed')
  }
  assert.doesNotMatch(printed, /eyJ[\w-]{8,}\.[\w-]{8,}/, 'something like a JWT was printed')
  assert.doesNotMatch(printed, /-----BEGIN|PRIVATE KEY|Bearer [\w-]{8,}/)
}

test('`quickstart --check` ends with 0 and prints nothing', LIMIT, async () => {
  const ended = await quickstart('--check')
  assert.equal(ended.exit, 0, `${ended.stdout}${ended.stderr}`)
  assert.equal(ended.stdout, '')
})

test('a second run in the same directory works, and its transcript holds no credential', LIMIT, async () => {
  const ended = await quickstart()
  assert.equal(ended.exit, 0, `${ended.stdout}${ended.stderr}`)
  assertNothingSecret(ended)
  const heads = [...ended.stdout.matchAll(/^\[(\d+)\/(\d+)\] /gm)]
  assert.deepEqual(
    heads.map((match) => Number(match[1])),
    heads.map((_, index) => index + 1),
  )
  assert.equal(heads.length, Number(heads[0]?.[2]))
  assert.match(ended.stdout, /^DONE in /m)
  assert.match(ended.stdout, /Secrets stored by the workloads: 0/)
  for (const line of ended.stdout.split('\n')) assert.ok(line.length <= 250, line)
})

test('`-o json` gives one record per step, each ok, and nothing else', LIMIT, async () => {
  const ended = await quickstart('-o', 'json')
  assert.equal(ended.exit, 0, `${ended.stdout}${ended.stderr}`)
  assertNothingSecret(ended)
  const records = ended.stdout
    .trim()
    .split('\n')
    .map(
      (line) => JSON.parse(line) as { step: number; title: string; ok: boolean; seconds: number; commands: unknown[] },
    )
  assert.ok(records.length >= 7)
  for (const [index, record] of records.entries()) {
    assert.equal(record.step, index + 1)
    assert.equal(record.ok, true, record.title)
    assert.equal(typeof record.seconds, 'number')
    assert.ok(record.commands.length > 0)
  }
})

test('nothing is left running, and nothing is written outside its directory', () => {
  assert.deepEqual(readdirSync(cwd), ['.quickstart'])
  assert.equal(existsSync(join(cwd, '.quickstart', 'data', 'countersign.pid')), false)
})
