// What the documentation shows is true: documents parse, configurations load, commands exist, links resolve, named tests exist.
import assert from 'node:assert/strict'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { after, test } from 'node:test'
import { createAdministration, KINDS, managementService } from '../packages/server/src/admin/index.ts'
import { createEventLog } from '../packages/server/src/audit/index.ts'
import { COMMANDS } from '../packages/server/src/cli/commands.ts'
import { GLOBAL_OPTIONS } from '../packages/server/src/cli/global-options.ts'
import { loadConfig } from '../packages/server/src/config.ts'
import { systemNow } from '../packages/server/src/lib/index.ts'
import { createResourceStore, parseDocument, parseResourceFile } from '../packages/server/src/resources/index.ts'
import { openTestDatabase } from './support/database.ts'
import { type Block, ROOT, readBlocks } from './support/documentation.ts'
import { anchorsOf, linksOf } from './support/markdown-links.ts'

const PAGES = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'packages/*/README.md'], {
  cwd: ROOT,
  exclude: (name) => name.includes('node_modules'),
}).sort()
const BLOCKS = PAGES.flatMap((page) => readBlocks(page).map((block) => ({ ...block, page })))
const directory = mkdtempSync(join(tmpdir(), 'cs-docs-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function place({ page, line }: Block & { page: string }): string {
  return `${page}:${line}`
}

function documentsOf(text: string, name: string): readonly unknown[] {
  const { documents, faults } = parseResourceFile(Buffer.from(text), name)
  assert.deepEqual(faults, [], name)
  return documents.map((document) => document.value)
}

function isResource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'apiVersion' in value && value.apiVersion === 'countersign/v1'
}

test('there is documentation to check', () => {
  assert.ok(PAGES.includes('README.md') && PAGES.length > 20)
  assert.ok(BLOCKS.filter(({ language }) => language === 'yaml').length > 10)
})

test('every resource document that is shown is valid for its kind', () => {
  let checked = 0
  for (const block of BLOCKS.filter(({ language }) => language === 'yaml')) {
    for (const document of documentsOf(block.text, place(block)).filter(isResource)) {
      assert.deepEqual(parseDocument(document, KINDS).ok ? [] : parseDocument(document, KINDS), [], place(block))
      checked += 1
    }
  }
  assert.ok(checked > 10, `only ${checked} documents`)
})

test('every configuration that is shown loads', () => {
  for (const name of ['owner-url', 'server-url']) {
    writeFileSync(join(directory, name), 'postgres://db.acme.example/cs', { mode: 0o600 })
  }
  const shown = BLOCKS.filter(({ language, text }) => language === 'yaml' && /^issuer:/m.test(text))
  assert.ok(shown.length >= 3)
  for (const block of shown) {
    const file = join(directory, 'countersign.yaml')
    writeFileSync(file, block.text.replaceAll('/etc/countersign', directory))
    assert.equal(loadConfig({ file }).issuer, 'https://sts.acme.example', place(block))
  }
})

test('JSON that is shown parses', () => {
  for (const block of BLOCKS.filter(({ language }) => language === 'json')) {
    assert.doesNotThrow(() => JSON.parse(block.text), place(block))
  }
})

test('the documents of examples/policies are those of the how-to pages', () => {
  const titled = BLOCKS.filter(({ title }) => title?.startsWith('policies/'))
  const files = globSync('*.yaml', { cwd: join(ROOT, 'examples/policies') }).sort()
  assert.deepEqual(titled.map(({ title }) => title?.slice('policies/'.length)).sort(), files)
  for (const block of titled) {
    assert.equal(block.text, readFileSync(join(ROOT, 'examples', block.title ?? ''), 'utf8'), place(block))
  }
})

test('the examples lint without an error or a warning', async (t) => {
  const database = await openTestDatabase(t)
  const administration = createAdministration({
    database,
    resources: createResourceStore({ database, kinds: KINDS, now: systemNow }),
    eventLog: createEventLog({ database, now: systemNow }),
    management: managementService({ audience: 'https://sts.acme.example/v1' }),
    issuer: 'https://sts.acme.example',
    // Before the review dates of the examples, whenever this runs.
    now: () => new Date('2026-11-24T12:00:00Z'),
  })
  const files = globSync('examples/policies/*.yaml', { cwd: ROOT })
  const documents = files.flatMap((file) => documentsOf(readFileSync(join(ROOT, file), 'utf8'), file))
  assert.deepEqual(await administration.lint(documents), [])
})

/** The words after `countersign` in a line of a shell, up to a comment, a pipe or the command that it runs. */
function wordsAfterCountersign(line: string): readonly string[] {
  const [, rest = ''] = /(?:^|[ (])countersign (.*)$/.exec(line.replace(/(^| )# .*$/, '')) ?? []
  const words = rest.split(/\s+/).filter((word) => word !== '')
  const end = words.findIndex((word) => ['--', '|', '>', '&&', '<'].includes(word))
  return end === -1 ? words : words.slice(0, end)
}

test('every command that is shown exists, with its flags', () => {
  let checked = 0
  for (const block of BLOCKS.filter(({ language }) => language === 'sh')) {
    for (const line of block.text.replaceAll('\\\n', ' ').split('\n')) {
      const words = wordsAfterCountersign(line)
      // `git clone REPOSITORY countersign` and the like name a directory.
      if (words.length === 0 || /^(git|tar|cd) /.test(line)) continue
      const command = COMMANDS.find(({ path }) => path.every((word, index) => words[index] === word))
      assert.ok(command || words[0] === 'help', `${place(block)}: no command "${words.slice(0, 2).join(' ')}"`)
      const options = [...GLOBAL_OPTIONS, ...(command?.options ?? [])]
      const known = options.flatMap(({ name, short }) => [`--${name}`, `-${short}`])
      for (const flag of words.filter((word) => /^--?[a-z]/.test(word))) {
        assert.ok(known.includes(flag), `${place(block)}: no flag ${flag} of ${command?.path.join(' ')}`)
      }
      checked += 1
    }
  }
  assert.ok(checked > 40, `only ${checked} commands`)
})

test('every relative link leads to a file, and its anchor to a heading', () => {
  for (const page of PAGES) {
    for (const link of linksOf(page).filter((target) => !/^[a-z]+:/.test(target))) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : normalize(join(dirname(page), path))
      assert.ok(existsSync(join(ROOT, target)), `${page} links to ${link}`)
      if (anchor !== undefined) assert.ok(anchorsOf(target).has(anchor), `${page} links to ${link}: no such heading`)
    }
  }
})

test('every test that the threat model names exists, and every invariant names one', () => {
  const text = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8')
  const named = [...text.matchAll(/`([^`]+\.test\.ts)`: "([^"]+)"/g)]
  assert.ok(named.length > 20)
  for (const [, file = '', title = ''] of named) {
    assert.ok(existsSync(join(ROOT, file)), file)
    assert.ok(readFileSync(join(ROOT, file), 'utf8').includes(title), `${file} has no test "${title}"`)
  }
  for (let invariant = 1; invariant <= 10; invariant += 1) {
    assert.match(text, new RegExp(`^\\| ${invariant}\\. .*\\.test\\.ts`, 'm'), `invariant ${invariant} names no test`)
  }
})

test('every runtime dependency has its reason, and no reason is left over', () => {
  const dependenciesOf = (name: string) =>
    (
      JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
        dependencies?: Readonly<Record<string, string>>
      }
    ).dependencies ?? {}
  const page = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8')
  const explained = [...page.matchAll(/^\| ([a-z@/-]+) \| server \|/gm)].map((match) => match[1])
  const server = Object.keys(dependenciesOf('server')).filter((name) => name !== '@countersign/sdk')
  assert.deepEqual(explained.sort(), server.sort())
  assert.deepEqual(dependenciesOf('sdk'), {})
})

test('the README stays on one page', () => {
  assert.ok(readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').length < 150)
})
