// Follows docs/how-to/require-a-sender-constraint.md and introspect-tokens.md against a real server, with a proof in a file in place of a job.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type Block, ROOT, readBlocks } from './support/documentation.ts'
import { findFreePort } from './support/free-port.ts'
import { createInstallation, type Installation, type Replica } from './support/installation.ts'
import { ORDERS_AUDIENCE } from './support/proofs.ts'
import { createReader, type Reader } from './support/reader.ts'

const constraint = readBlocks('docs/how-to/require-a-sender-constraint.md')
const introspection = readBlocks('docs/how-to/introspect-tokens.md')
const SHOP = { repository_id: '456790' }

const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let server: Replica
let reader: Reader
let ordersAddress: string
let ordersPort: number

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  server = await installation.addReplica()
  await server.start()
  // The guide's owners of the policies.
  const file = join(installation.directory, 'documents.yaml')
  const team = 'apiVersion: countersign/v1\nkind: Team\nmetadata: { name: orders }\nspec: {}\n---\n'
  writeFileSync(file, `${team}${readFileSync(file, 'utf8')}`)
  await server.apply()
  ordersPort = await findFreePort()
  ordersAddress = `http://127.0.0.1:${ordersPort}`
  const { directory, issuer } = installation
  const replacements: readonly (readonly [string, string])[] = [
    ['https://sts.acme.example', issuer],
    [`fetch('https://orders.acme.example`, `fetch('${ordersAddress}`],
    [`origin: 'https://orders.acme.example'`, `origin: '${ordersAddress}'`],
    ['dpop: true,', `dpop: true, origins: ['${ordersAddress}'], proofAudience: 'https://sts.acme.example',`],
    [`issuer: '${issuer}',`, `issuer: '${issuer}', remote: { allowLoopbackHttp: true, allowPrivateNetwork: true },`],
    ['https://orders.acme.example', ORDERS_AUDIENCE],
    ['listen(8080', `listen(${ordersPort}`],
    ['countersign exchange', `COUNTERSIGN_SERVER=${issuer} countersign exchange --proof-file proof`],
  ]
  reader = createReader({
    directory,
    replace: (content) => replacements.reduce((now, [from, to]) => now.replaceAll(from, to), content),
  })
  copyFileSync(server.configFile, join(directory, 'countersign.yaml'))
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

function named(blocks: readonly Block[], title: string): Block {
  return blocks.find((block) => block.title === title) ?? assert.fail(`the page has no ${title}`)
}

/** A fresh proof of the shop's job, as its platform would give it. */
const newProof = () => writeFileSync(join(installation.directory, 'proof'), installation.proofs.sign(SHOP))

/** Pastes what is to be run in a section, with a fresh proof at hand. */
async function paste(blocks: readonly Block[], section: RegExp): Promise<string> {
  newProof()
  const found = blocks.filter((block) => block.run && section.test(block.section))
  assert.notEqual(found.length, 0, `nothing to run in ${section}`)
  let output = ''
  for (const block of found) output += await reader.paste(block)
  return output
}

/** Starts a program of a page. */
function startProgram(title: string) {
  reader.write(named(constraint, title))
  const { directory } = installation
  const child = spawn(process.execPath, ['--conditions=source', title], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', COUNTERSIGN_PROOF_FILE: join(directory, 'proof') },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  cleanups.push(() => void child.kill('SIGKILL'))
  return child
}

async function isListening(address: string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    const answer = await fetch(address).catch(() => undefined)
    if (answer) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail(`nothing listens on ${address}`)
}

test('how-to: require a sender constraint, from the policy to the refused bearer token (S-14)', async () => {
  reader.write(named(constraint, 'write-orders.yaml'))
  await paste(constraint, /^1\./)
  const explained = await paste(constraint, /^2\./)
  const shown = constraint.find(({ language }) => language === 'console')?.text ?? ''
  for (const line of shown.split('\n').filter((row) => !['', '...', 'FIX'].includes(row.trim()))) {
    assert.ok(explained.includes(line.trim()), `${line}\n${explained}`)
  }
  startProgram('orders-api.ts')
  await isListening(ordersAddress)
  newProof()
  const { stdout, stderr } = startProgram('shop.ts')
  const [output, failure] = await Promise.all([text(stdout), text(stderr)])
  assert.equal(output, 'DPoP 201 401\n', failure)
})

test('how-to: introspect tokens, until the token ends (T22, T23)', async () => {
  const issued = await server.exchange(installation.proofs.sign())
  writeFileSync(join(installation.directory, 'orders-token'), String(issued.json?.['access_token']))
  reader.write(named(introspection, 'verify-orders.yaml'))
  await paste(introspection, /^1\./)
  const shown = JSON.parse(introspection.find(({ language }) => language === 'json')?.text ?? '') as object
  const answer = await paste(introspection, /^2\./)
  const told = JSON.parse(answer.slice(answer.indexOf('{"active"'))) as Record<string, unknown>
  assert.deepEqual(Object.keys(told), Object.keys(shown))
  assert.deepEqual([told['active'], told['scope'], told['aud']], [true, 'orders:deploy', ORDERS_AUDIENCE])
  assert.ok((await paste(introspection, /^3\./)).endsWith('{"active":false}'))
})
