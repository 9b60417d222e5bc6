// Follows docs/how-to/rotate-signing-keys.md, revoke-a-signing-key.md and replace-the-seal-key.md against a real server.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseResourceFile } from '../packages/server/src/resources/index.ts'
import { type Block, readBlocks } from './support/documentation.ts'
import { createInstallation, type Installation, type Replica } from './support/installation.ts'
import { createReader, type Reader } from './support/reader.ts'

const rotation = readBlocks('docs/how-to/rotate-signing-keys.md')
const revocation = readBlocks('docs/how-to/revoke-a-signing-key.md')
const replacement = readBlocks('docs/how-to/replace-the-seal-key.md')
/** The key that the pages show. */
const SHOWN_KID = 'HpUxhbt0WBqjx6WNqTqy5jY0AQDHgtsulFeUTreN4BE'

const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let server: Replica
let reader: Reader
let activeKid = SHOWN_KID

interface Key {
  readonly kid: string
  readonly purpose: string
  readonly state: string
  readonly revoked_at: string | null
}

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  server = await installation.addReplica()
  await server.start()
  await server.apply()
  const { directory } = installation
  writeFileSync(join(directory, 'countersign.yaml'), readFileSync(server.configFile))
  reader = createReader({
    directory,
    replace: (text) =>
      text
        .replaceAll(SHOWN_KID, activeKid)
        .replaceAll('/etc/countersign', directory)
        // The page's reader has the default data directory, or has set the variable once.
        .replace(/^countersign (?=signing-keys|audit export)/, 'COUNTERSIGN_CONFIG=countersign.yaml countersign '),
  })
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

async function paste(blocks: readonly Block[], section: RegExp): Promise<string> {
  const found = blocks.filter((block) => block.run && section.test(block.section))
  assert.notEqual(found.length, 0, `nothing to run in ${section}`)
  let output = ''
  for (const block of found) output += await reader.paste(block)
  return output
}

async function keys(): Promise<readonly Key[]> {
  return (await server.cliJson('signing-keys', 'list'))['items'] as readonly Key[]
}

const activeOf = (all: readonly Key[], purpose: string) =>
  all.find((key) => key.purpose === purpose && key.state === 'active')?.kid ?? assert.fail(`no ${purpose} key signs`)

const exchange = async () => (await server.exchange(installation.proofs.sign())).status

/** The configuration of the page that is the present one with another seal section. */
function writeNext(): void {
  const block = replacement.find(({ title }) => title === 'next-seal.yaml') ?? assert.fail('the page has no next seal')
  const [document] = parseResourceFile(Buffer.from(block.text), 'next-seal.yaml').documents
  assert.ok(document)
  const { seal } = document.value as { seal: { file: string } }
  const present = JSON.parse(readFileSync(server.configFile, 'utf8')) as object
  const file = seal.file.replace('/etc/countersign', installation.directory)
  writeFileSync(join(installation.directory, 'next.yaml'), JSON.stringify({ ...present, signing: {}, seal: { file } }))
}

test('rotating by the page: a successor is published, then one signs at once, and exchanges go on', async () => {
  const first = activeOf(await keys(), 'access_token')
  assert.match(await paste(rotation, /^Rotate signing keys$/), /access_token/)
  const output = await paste(rotation, /^Rotate one now$/)
  assert.match(output, /^published \S+; it signs from /)
  assert.match(output, /warning: verifiers that keep the key set/)
  const second = activeOf(await keys(), 'access_token')
  assert.notEqual(second, first)
  assert.equal(await exchange(), 200)
})

test('the keys of the log and of receipts get successors by the page, and the event of each is in the log', async () => {
  const output = await paste(rotation, /^Keys of the audit log/)
  assert.equal(output.match(/^published /gm)?.length, 2)
  const events = await server.cliJson('events', 'list', '--filter', 'kind=signing_key.published', '--limit', '1000')
  const published = (await keys()).filter(({ state }) => state === 'published').map(({ kid }) => kid)
  const recorded = (events['items'] as { data: { kid: string } }[]).map(({ data }) => data.kid)
  for (const kid of published) assert.ok(recorded.includes(kid))
})

test('revoking by the page: another key signs, and the receipt is there', async () => {
  activeKid = activeOf(await keys(), 'access_token')
  const output = await paste(revocation, /^Revoke a signing key$/)
  assert.ok(output.includes(activeKid))
  const receipt = JSON.parse(readFileSync(join(installation.directory, 'receipt.json'), 'utf8')) as {
    value: string
    state: string
  }
  assert.deepEqual([receipt.value, receipt.state], [activeKid, 'final'])
  const all = await keys()
  assert.ok(all.find(({ kid }) => kid === activeKid)?.revoked_at)
  assert.notEqual(activeOf(all, 'access_token'), activeKid)
  assert.equal(await exchange(), 200)
  // Confirmed within 200 ms of the last exchange.
  for (;;) {
    const { exit } = await server.cli('signing-keys', 'uses')
    if (exit === 0) break
  }
  assert.match(await paste(revocation, /^Afterwards$/), /RECONCILED/)
})

test('replacing the seal key by the page: the server starts with either in between, and with the next one afterwards', async () => {
  await server.stop()
  const [make, rotate, finish] = replacement.filter(({ run, section }) => run && section === 'Replace it')
  assert.ok(make && rotate && finish)
  assert.match(await paste(replacement, /^Replace the seal key/), /opens +yes/)
  await reader.paste(make)
  writeNext()
  assert.match(await reader.paste(rotate), /the database opens with file \S+ and file /)
  await server.start()
  await server.stop()
  writeFileSync(server.configFile, readFileSync(join(installation.directory, 'next.yaml')))
  await server.start()
  await server.stop()
  assert.match(await reader.paste(finish), /and no more with file/)
  await server.start()
  assert.equal(await exchange(), 200)
  await server.stop()
})

test('losing it by the page: nothing starts, the reset makes new keys, and the log verifies (R-16)', async () => {
  await server.start()
  const before = await keys()
  await server.stop()
  const file = join(installation.directory, 'kek-2027')
  rmSync(file)
  await assert.rejects(server.start(), /seal_key_missing/)
  assert.equal(existsSync(file), false)
  const [make] = replacement.filter(({ run, section }) => run && section === 'Replace it')
  assert.ok(make)
  await reader.paste(make)
  await assert.rejects(server.start(), /seal_key_wrong/)
  const [reset, verify] = replacement.filter(({ run, section }) => run && section === 'When it is lost')
  assert.ok(reset && verify)
  assert.match(await reader.paste(reset), /private half destroyed/)
  await server.start()
  const all = await keys()
  for (const purpose of ['access_token', 'checkpoint', 'receipt']) {
    assert.ok(!before.some(({ kid }) => kid === activeOf(all, purpose)), purpose)
  }
  assert.equal(await exchange(), 200)
  assert.match(await reader.paste(verify), /^VERIFIED/m)
  await server.stop()
})
