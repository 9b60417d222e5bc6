// Follows docs/how-to/github-and-kubernetes.md and administer-from-a-pipeline.md with only what they say, against emulated issuers.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemNow } from '../packages/server/src/lib/index.ts'
import {
  DEPLOY_JOB,
  type GithubIssuer,
  type GithubJobClaims,
  type KubernetesIssuer,
  startGithubIssuer,
  startKubernetesIssuer,
} from '../packages/server/src/quickstart/issuers/index.ts'
import { parseResourceFile } from '../packages/server/src/resources/index.ts'
import { type RunningCommand, startCommand } from './support/command-line.ts'
import { type Block, readBlocks } from './support/documentation.ts'
import { type ExampleApi, startExampleApi } from './support/example-api.ts'
import { findFreePort } from './support/free-port.ts'
import { createReader, type Reader } from './support/reader.ts'

const setUp = readBlocks('docs/how-to/github-and-kubernetes.md')
const pipeline = readBlocks('docs/how-to/administer-from-a-pipeline.md')
const directory = mkdtempSync(join(tmpdir(), 'cs-walk-'))
const ORDERS_JOB = { ...DEPLOY_JOB, job_workflow_ref: 'acme/orders/.github/workflows/deploy.yml@refs/heads/main' }
const POLICIES_JOB: GithubJobClaims = {
  ...DEPLOY_JOB,
  repository: 'acme/policies',
  repository_id: '777001',
  environment: 'policies',
  workflow_ref: 'acme/policies/.github/workflows/apply.yml@refs/heads/main',
  job_workflow_ref: 'acme/policies/.github/workflows/apply.yml@refs/heads/main',
}

let github: GithubIssuer
let cluster: KubernetesIssuer
let server: RunningCommand
let orders: ExampleApi
let reader: Reader
let service: string

before(async () => {
  github = await startGithubIssuer({ port: 0, now: systemNow })
  cluster = await startKubernetesIssuer({ port: 0, now: systemNow })
  const port = await findFreePort()
  service = `http://127.0.0.1:${port}`
  orders = await startExampleApi({ issuer: service, audience: 'https://orders.acme.example' })
  const nightly = { namespace: 'reports', serviceAccount: 'nightly', audience: service }
  const { serviceaccount } = cluster.tokenClaims(nightly)['kubernetes.io'] as { serviceaccount: { uid: string } }
  const emulated = (issuer: string) => `issuer: ${issuer}\n  network: { allowLoopbackHttp: true }`
  // The outside world by its stand-ins; everything else is pasted as it is written.
  const replacements: readonly (readonly [string, string])[] = [
    ['issuer: https://token.actions.githubusercontent.com', emulated(github.issuer)],
    ['issuer: https://kubernetes.default.svc.cluster.local', emulated(cluster.issuer)],
    ['https://sts.acme.example', service],
    ['port: 8700', `port: ${port}`],
    ['https://orders.acme.example/', `${orders.address}/`],
    ['/var/lib/countersign', join(directory, 'data')],
    ['/var/run/secrets/countersign', join(directory, 'pod')],
    ['/etc/countersign', join(directory, 'etc')],
    ['5b0d6f7e-3c1a-4e58-9d7b-2f6a8c4e1b90', serviceaccount.uid],
  ]
  const replace = (text: string) => replacements.reduce((now, [from, to]) => now.replaceAll(from, to), text)
  reader = createReader({ directory, replace })
  mkdirSync(join(directory, 'etc'))
  writeFileSync(join(directory, 'etc/cluster-a.jwks.json'), JSON.stringify(cluster.keys.jwks()))
  await cluster.writeToken({ ...nightly, path: join(directory, 'pod/token') })
})
after(async () => {
  server?.child.kill('SIGTERM')
  await server?.ended
  await orders?.close()
  await Promise.all([github?.close(), cluster?.close()])
  rmSync(directory, { recursive: true, force: true })
})

function named(blocks: readonly Block[], title: string): Block {
  return blocks.find((block) => block.title === title) ?? assert.fail(`the page has no ${title}`)
}

function commands(blocks: readonly Block[], section: RegExp): Block[] {
  const found = blocks.filter((block) => block.run && section.test(block.section))
  assert.notEqual(found.length, 0, `nothing to run in ${section}`)
  return found
}

/** The one YAML document of a block that is not one of our resources. */
function yamlOf({ text, title = '' }: Block): unknown {
  const { documents, faults } = parseResourceFile(Buffer.from(text), title)
  assert.deepEqual(faults, [])
  return documents[0]?.value
}

interface Workflow {
  readonly jobs: Readonly<Record<string, WorkflowJob>>
}

interface WorkflowJob {
  readonly env?: Readonly<Record<string, string>>
  readonly steps: readonly { readonly name?: string; readonly run?: string }[]
}

/** Runs the scripts of a workflow as a runner would, in a job with these claims. What it installs is there already. */
async function runWorkflow(blocks: readonly Block[], title: string, claims: GithubJobClaims) {
  const [job] = Object.values((yamlOf(named(blocks, title)) as Workflow).jobs)
  const scripts = (job?.steps ?? []).flatMap((step) => (step.run && step.name !== 'Install' ? [step.run] : []))
  const temporary = mkdtempSync(join(directory, 'runner-'))
  const env = Object.fromEntries(
    Object.entries(job?.env ?? {}).map(([name, value]) => [
      name,
      value.replaceAll('https://sts.acme.example', service),
    ]),
  )
  return reader.runScript(scripts.join('\n'), { ...github.createJob(claims), ...env, RUNNER_TEMP: temporary })
}

test('the server starts with the configuration of the page, and the socket needs no credential', async () => {
  reader.write(named(setUp, 'countersign.yaml'))
  server = startCommand(['serve', '--config', 'countersign.yaml'], { cwd: directory })
  const ready = async () => {
    while (!server.stdout().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await Promise.race([ready(), server.ended.then(({ stderr }) => assert.fail(stderr))])
  const output = await pasteAll(commands(setUp, /^2\./))
  assert.match(output, /local-socket/)
})

test('the documents of the page lint, widen, and are applied with the hash that diff printed', async () => {
  for (const name of ['owners', 'providers', 'orders']) reader.write(named(setUp, `policies/${name}.yaml`))
  const output = await pasteAll(commands(setUp, /^5\./))
  assert.match(output, /applied at revision \d+/)
  assert.match(output, /no differences/)
})

test('the workflow of the page is refused while its policy is in shadow, and explain says so', async () => {
  const refused = await runWorkflow(setUp, 'deploy.yml', ORDERS_JOB)
  assert.notEqual(refused.exit, 0)
  assert.match(refused.output, /"error":"invalid_target"/)
  assert.match(refused.output, /"error_id":"evt_/)
  assert.doesNotMatch(refused.output, /shadow|deploy-orders/, 'the caller learns nothing of policies')
  const explained = await pasteAll(commands(setUp, /^7\./))
  assert.match(explained, /deploy-orders matches and is in shadow mode/)
})

test('enforced, the workflow deploys with a token, and stores no secret', async () => {
  const change = setUp.find((block) => block.language === 'diff') ?? assert.fail('the page has no diff')
  reader.edit('policies/orders.yaml', change)
  const [enforce, ...look] = commands(setUp, /^8\./)
  assert.ok(enforce)
  assert.match(await reader.paste(enforce), /applied at revision/)
  const deployed = await runWorkflow(setUp, 'deploy.yml', ORDERS_JOB)
  assert.equal(deployed.exit, 0, deployed.output)
  assert.match(deployed.output, /"deployed":true/)
  assert.doesNotMatch(deployed.output, /eyJ/, 'no token is printed')
  assert.match(await pasteAll(look), /ALLOWED/)
})

test('a job of the same repository on another event stays refused (T21)', async () => {
  const refused = await runWorkflow(setUp, 'deploy.yml', { ...ORDERS_JOB, event_name: 'pull_request_target' })
  assert.notEqual(refused.exit, 0)
  assert.match(refused.output, /invalid_target/)
})

test('the pod of the page reads orders with its projected token', async () => {
  interface Pod {
    readonly spec: {
      readonly containers: readonly { readonly args: readonly string[] }[]
      readonly volumes: readonly { readonly projected: { readonly sources: readonly unknown[] } }[]
    }
  }
  const { spec } = yamlOf(named(setUp, 'nightly.yaml')) as unknown as Pod
  assert.deepEqual(spec.volumes[0]?.projected.sources, [
    { serviceAccountToken: { audience: 'https://sts.acme.example', expirationSeconds: 3600, path: 'token' } },
  ])
  const ran = await reader.runScript(spec.containers[0]?.args[0] ?? '', {})
  assert.equal(ran.exit, 0, ran.output)
  assert.match(ran.output, /"orders":3/)
})

test('the pipeline applies policies with a token of the exchange, and cannot widen what admits itself', async () => {
  reader.write(named(pipeline, 'policies/administration.yaml'))
  assert.match(await pasteAll(commands(pipeline, /^1\./)), /applied at revision/)
  writeFileSync(join(directory, 'widening'), '0'.repeat(32))
  const unchanged = await runWorkflow(pipeline, 'apply.yml', POLICIES_JOB)
  assert.equal(unchanged.exit, 0, unchanged.output)
  assert.match(unchanged.output, /no differences/)
  const wider = { ...named(pipeline, 'policies/administration.yaml') }
  reader.write({
    ...wider,
    text: wider.text.replace('event_name: push\n  grant', 'event_name: { in: [push, schedule] }\n  grant'),
  })
  const refused = await runWorkflow(pipeline, 'apply.yml', POLICIES_JOB)
  assert.notEqual(refused.exit, 0)
  assert.match(refused.output, /escalation_refused/)
})

test('how-to: explain a refusal, and draft a policy from it', async () => {
  const page = readBlocks('docs/how-to/explain-a-refusal.md')
  assert.match(await pasteAll(page.filter((block) => block.run)), /denied/)
})

test('how-to: write a policy with its tests, from shadow to enforce', async () => {
  const page = readBlocks('docs/how-to/write-a-policy-with-tests.md')
  reader.write(named(page, 'read-orders.yaml'))
  for (const block of page) {
    if (block.language === 'diff') reader.edit('read-orders.yaml', block)
    else if (block.run) await reader.paste(block)
  }
})

test('how-to: verify the audit log, with its key and a kept checkpoint, and see a changed copy fail (A-06)', async () => {
  const page = readBlocks('docs/how-to/verify-the-audit-log.md')
  const output = await pasteAll(page.filter((block) => block.run))
  assert.match(output, /signatures checked with the keys of --key-file/)
  assert.match(output, /NOT VERIFIED/)
})

test('how-to: revoke with a receipt, and verify it without the server (A-06)', async () => {
  const page = readBlocks('docs/how-to/revoke-and-prove-it.md')
  const output = await pasteAll(page.filter((block) => block.run))
  assert.match(output, /rcpt_\w+ {3}final, sealed in the audit log/)
  assert.match(output, /^VERIFIED {2}receipt, 0 faults/m)
  assert.match(output, /signatures checked with the keys of --key-file/)
  assert.match(output, /^NOT VERIFIED {2}receipt, 1 fault/m)
})

test('a token for the management API ends with the policy that it was issued under (invariant 7)', async () => {
  reader.write(named(pipeline, 'policies/administration.yaml'))
  const job = github.createJob(POLICIES_JOB)
  const remote = { COUNTERSIGN_SERVER: service, COUNTERSIGN_TOKEN_FILE: 'own-token' }
  const exchanged = await reader.runScript(`countersign exchange --audience ${service}/v1 --out-file own-token`, {
    ...job,
    COUNTERSIGN_SERVER: service,
  })
  assert.equal(exchanged.exit, 0, exchanged.output)
  assert.equal((await reader.runScript('countersign whoami', remote)).exit, 0)
  const removed = await reader.runScript('countersign trust-policies delete apply-policies --yes', {
    COUNTERSIGN_CONFIG: 'countersign.yaml',
  })
  assert.equal(removed.exit, 0, removed.output)
  const refused = await reader.runScript('countersign trust-policies list', remote)
  assert.equal(refused.exit, 4, refused.output)
  assert.match(refused.output, /unauthenticated/)
})

async function pasteAll(blocks: readonly Block[]): Promise<string> {
  let output = ''
  for (const block of blocks) output += await reader.paste(block)
  return output
}
