import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { JsonObject } from '../lib/index.ts'
import { ORDERS_AUDIENCE } from './documents.ts'
import { DEPLOY_JOB } from './issuers/index.ts'
import { type CommandResult, runCommand } from './run-command.ts'
import type { Stage } from './stage.ts'
import type { ShownCommand, StepRecord } from './transcript.ts'

/** A step did not come out as it must. `fix` is what the reader can do. */
export class StepFailed extends Error {
  readonly fix: string
  constructor(problem: string, fix: string) {
    super(problem)
    this.name = 'StepFailed'
    this.fix = fix
  }
}

/** What later steps need of earlier ones. */
export interface Memory {
  deniedEventId?: string
}

/** A step of the quickstart: does one thing with the real command line, checks the result, and reports it. */
export interface Step {
  readonly title: string
  run(stage: Stage, memory: Memory, signal: AbortSignal): Promise<StepRecord>
}

const HELP = 'run the shown command by hand with `npm run quickstart -- --keep`, and report what it prints'

/** Runs a command, shows the line that a reader would paste, and insists on its exit code and on what it must say. */
async function perform(
  stage: Stage,
  signal: AbortSignal,
  input: {
    readonly args: readonly string[]
    readonly program?: 'countersign' | 'node'
    readonly job?: string
    /** Variables that are shown before the line. */
    readonly env?: Readonly<Record<string, string>>
    /** What is shown after the line, such as where its output goes. */
    readonly tail?: string
    readonly exit: number
    readonly says: RegExp
    readonly show?: (output: readonly string[]) => readonly string[]
  },
): Promise<ShownCommand & { readonly result: CommandResult }> {
  const { directory } = stage
  const env = input.job === undefined ? {} : readJob(join(directory, 'jobs', `${input.job}.env`))
  const program = input.program ?? 'countersign'
  const result = await runCommand({
    args: input.args,
    program,
    directory,
    signal,
    env: { ...env, ...input.env, COUNTERSIGN_CONFIG: join(directory, 'countersign.yaml') },
  })
  const variables = Object.entries(input.env ?? {}).map(([name, value]) => `${name}=${quote(value)} `)
  const prefix =
    input.job === undefined ? variables.join('') : `env $(cat ${nameOf(stage, 'jobs', `${input.job}.env`)}) `
  const command = program === 'node' ? 'node' : 'npx countersign'
  const line = `${prefix}${command} ${input.args.map(quote).join(' ')}${input.tail ?? ''}`
  const printed = `${result.stdout}${result.stderr}`
  if (result.exit !== input.exit || !input.says.test(printed)) {
    throw new StepFailed(`\`${line}\` ended with ${result.exit} instead of ${input.exit}:\n${printed}`, HELP)
  }
  const output = printed.split('\n').filter((row) => row.trim() !== '')
  return { line, exit: result.exit, output: input.show ? input.show(output) : output, result }
}

function readJob(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((row) => [row.slice(0, row.indexOf('=')), row.slice(row.indexOf('=') + 1)]))
}

const quote = (text: string) => (/^[A-Za-z0-9_./:=@,-]+$/.test(text) ? text : `'${text}'`)

/** A path inside the stage as seen from the directory that the commands run in. */
function nameOf({ directory }: Stage, ...parts: readonly string[]): string {
  return relative(resolve(directory, '..'), join(directory, ...parts))
}

function exchangeArgs(stage: Stage, ...rest: readonly string[]): string[] {
  return ['exchange', '--server', stage.addresses.service, '--audience', ORDERS_AUDIENCE, ...rest]
}

function callOrders(stage: Stage): string[] {
  return ['--', 'node', nameOf(stage, 'jobs', 'call-orders.mjs'), `${stage.orders.address}/orders`]
}

const start: Step = {
  title: 'Start',
  async run(stage, _memory, signal) {
    const folder = nameOf(stage, 'config')
    // A first apply admits somebody new, so it needs the hash of the plan that `diff` prints (exit 1: there are differences).
    const planned = await runCommand({
      args: ['diff', '-f', folder, '-o', 'json'],
      directory: stage.directory,
      signal,
      env: { COUNTERSIGN_CONFIG: join(stage.directory, 'countersign.yaml') },
    })
    if (planned.exit > 1) throw new StepFailed(`countersign diff failed:\n${planned.stdout}${planned.stderr}`, HELP)
    const { hash, widens } = JSON.parse(planned.stdout) as { hash: string; widens: boolean }
    const applied = await perform(stage, signal, {
      args: ['apply', '-f', folder, ...(widens ? ['--allow-widening', hash] : [])],
      exit: 0,
      says: /./,
      show: (output) => output.slice(-1),
    })
    const diff = await perform(stage, signal, {
      args: ['diff', '-f', folder],
      exit: 0,
      says: /no differences/,
      // The warnings before it are about the emulated issuers being plain http on loopback.
      show: (output) => output.slice(-1),
    })
    await stage.orders.follow()
    const { addresses, directory } = stage
    return {
      title: start.title,
      facts: { ...addresses },
      lines: [
        `service  ${addresses.service}   store ${nameOf(stage, 'data')} (embedded)   key-encryption key ${nameOf(stage, 'data', 'kek')} (0600)`,
        `emulated issuers: GitHub Actions ${addresses.github}, Kubernetes ${addresses.kubernetes}`,
        `demo API "orders" ${addresses.orders}, verifies with @countersign/sdk, follows revocations, holds no secret`,
        `to paste the commands below: export COUNTERSIGN_CONFIG=${join(directory, 'countersign.yaml')}`,
      ],
      commands: [applied, diff],
    }
  },
}

const deploy: Step = {
  title: 'A workflow gets a credential with no stored secret',
  async run(stage, _memory, signal) {
    const command = await perform(stage, signal, {
      args: exchangeArgs(stage, ...callOrders(stage)),
      job: 'deploy',
      exit: 0,
      says: /200 .*"orders":3/,
    })
    return { title: deploy.title, facts: { orders_status: 200 }, lines: [], commands: [command] }
  },
}

const pod: Step = {
  title: 'A pod does the same with its projected service account token',
  async run(stage, _memory, signal) {
    const command = await perform(stage, signal, {
      args: exchangeArgs(stage, '--proof-file', nameOf(stage, 'jobs', 'nightly.token'), ...callOrders(stage)),
      exit: 0,
      says: /200 .*"scope":"orders:read"/,
    })
    return { title: pod.title, facts: { orders_status: 200 }, lines: [], commands: [command] }
  },
}

const refusal: Step = {
  title: 'A pull request from a fork is refused, and you can see why',
  async run(stage, memory, signal) {
    const denied = await perform(stage, signal, {
      args: exchangeArgs(stage),
      job: 'fork-pr',
      exit: 1,
      says: /evt_[0-9a-z]+/,
    })
    const eventId = /evt_[0-9a-z]+/.exec(denied.output.join('\n'))?.[0] ?? ''
    memory.deniedEventId = eventId
    const explained = await perform(stage, signal, { args: ['explain', eventId], exit: 0, says: /event_name/ })
    return { title: refusal.title, facts: { event_id: eventId }, lines: [], commands: [denied, explained] }
  },
}

const generated: Step = {
  title: 'A policy is drafted from the refusal: tight, in shadow, for a reviewer to finish',
  async run(stage, memory, signal) {
    const command = await perform(stage, signal, {
      args: ['trust-policies', 'generate', '--from', memory.deniedEventId ?? ''],
      exit: 0,
      says: /mode: shadow/,
    })
    return { title: generated.title, facts: { mode: 'shadow' }, lines: [], commands: [command] }
  },
}

const replay: Step = {
  title: 'The same proof a second time is refused',
  async run(stage, _memory, signal) {
    const { addresses, directory, github } = stage
    const file = join(directory, 'jobs', 'once.jwt')
    writeFileSync(file, github.keys.sign(github.tokenClaims(DEPLOY_JOB, addresses.service), { typ: 'JWT' }), {
      mode: 0o600,
    })
    const args = exchangeArgs(stage, '--proof-file', nameOf(stage, 'jobs', 'once.jwt'))
    const first = await perform(stage, signal, { args, exit: 0, says: /orders:deploy/ })
    const second = await perform(stage, signal, { args, exit: 1, says: /replayed|evt_/ })
    rmSync(file)
    return {
      title: replay.title,
      facts: { first: 'allowed', second: 'replayed' },
      lines: [],
      commands: [first, second],
    }
  },
}

const revocation: Step = {
  title: 'A token that is out is revoked everywhere, with a receipt',
  async run(stage, _memory, signal) {
    const [token, receipt, keys] = [['jobs', 'revoked.token'], ['receipt.json'], ['audit.key']] as const
    for (const parts of [token, receipt]) rmSync(join(stage.directory, ...parts), { force: true })
    const proof = ['--proof-file', nameOf(stage, 'jobs', 'nightly.token')]
    const exchanged = await perform(stage, signal, {
      args: exchangeArgs(stage, ...proof, '--out-file', nameOf(stage, ...token)),
      exit: 0,
      says: /./,
      show: (output) => output.slice(-1),
    })
    const call = {
      program: 'node' as const,
      args: callOrders(stage).slice(2),
      env: { COUNTERSIGN_TOKEN_FILE: nameOf(stage, ...token) },
    }
    const accepted = await perform(stage, signal, { ...call, exit: 0, says: /^200 / })
    const refusal = watchRefusal(stage, readFileSync(join(stage.directory, ...token), 'utf8').trim(), signal)
    // Awaited at the end; what fails before is what the reader is told.
    refusal.catch(() => undefined)
    const revoked = await perform(stage, signal, {
      args: ['revoke', 'policy', 'nightly-report', '--reason', 'quickstart', '--out-file', nameOf(stage, ...receipt)],
      exit: 0,
      says: /final, sealed/,
      show: (output) =>
        output.filter((row) => /^(revoked {2}|followers|effective|receipt|SERVICE|orders-api) /.test(row)),
    })
    const [refused, listed] = await Promise.all([
      perform(stage, signal, { ...call, exit: 1, says: /^401 / }),
      perform(stage, signal, {
        args: ['audit', 'keys'],
        tail: ` > ${nameOf(stage, ...keys)}`,
        exit: 0,
        says: /receipts\+/,
        show: () => [],
      }),
    ])
    writeFileSync(join(stage.directory, ...keys), listed.result.stdout)
    const verified = await perform(stage, signal, {
      args: ['audit', 'verify', nameOf(stage, ...receipt), '--key-file', nameOf(stage, ...keys)],
      exit: 0,
      says: /^VERIFIED {2}receipt/,
      show: (output) => output.filter((row) => /^(VERIFIED|log|signatures| )/.test(row)),
    })
    rmSync(join(stage.directory, ...token))
    const facts = readReceipt(join(stage.directory, ...receipt), await refusal)
    return {
      title: revocation.title,
      facts,
      lines: [
        `the orders API refused it ${facts.refused_after_ms} ms after the revocation; ${facts.confirmed} of ${facts.followers} followers confirmed`,
      ],
      commands: [exchanged, accepted, revoked, refused, listed, verified],
    }
  },
}

/** Calls the API with a token until it is refused, and says when that was. Whoever holds a token sees no more of a revocation. */
async function watchRefusal(stage: Stage, token: string, signal: AbortSignal): Promise<Date> {
  const headers = { authorization: `Bearer ${token}` }
  for (const deadline = Date.now() + REFUSAL_LIMIT_MS; Date.now() < deadline; ) {
    const answer = await fetch(`${stage.orders.address}/orders`, { headers, signal })
    await answer.arrayBuffer()
    if (answer.status === 401) return new Date()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new StepFailed('the orders API goes on accepting a revoked token', HELP)
}

const REFUSAL_LIMIT_MS = 60_000

function readReceipt(path: string, refusedAt: Date) {
  const receipt = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly committed_at: string
    readonly effective_everywhere_at: string
    readonly followers: readonly { readonly confirmed_at: string | null }[]
  }
  const since = (instant: string | Date) => Math.max(0, new Date(instant).getTime() - Date.parse(receipt.committed_at))
  const confirmed = receipt.followers.filter((follower) => follower.confirmed_at !== null).length
  if (receipt.followers.length === 0 || confirmed !== receipt.followers.length) {
    throw new StepFailed(`${confirmed} of ${receipt.followers.length} followers have confirmed the revocation`, HELP)
  }
  return {
    followers: receipt.followers.length,
    confirmed,
    refused_after_ms: since(refusedAt),
    effective_after_ms: since(receipt.effective_everywhere_at),
    receipt_verified: true,
  }
}

const audit: Step = {
  title: 'The audit log proves it, offline',
  async run(stage, _memory, signal) {
    const path = nameOf(stage, 'audit.jsonl')
    rmSync(join(stage.directory, 'audit.jsonl'), { force: true })
    const exported = await perform(stage, signal, { args: ['audit', 'export', '--out-file', path], exit: 0, says: /./ })
    const verified = await perform(stage, signal, { args: ['audit', 'verify', path], exit: 0, says: /0 faults|verif/i })
    const changed = nameOf(stage, 'audit-changed.jsonl')
    writeFileSync(
      join(stage.directory, 'audit-changed.jsonl'),
      readFileSync(join(stage.directory, 'audit.jsonl'), 'utf8').replace('denied', 'allowed'),
    )
    const refused = await perform(stage, signal, { args: ['audit', 'verify', changed], exit: 1, says: /./ })
    const facts: JsonObject = { verified: true, changed_copy_refused: true }
    return { title: audit.title, facts, lines: [], commands: [exported, verified, refused] }
  },
}

/** The steps in order. */
export const STEPS: readonly Step[] = [start, deploy, pod, refusal, generated, replay, revocation, audit]
