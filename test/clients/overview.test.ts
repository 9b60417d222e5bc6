// What the guides of docs/how-to/verify-with-*.md say about libraries is what the tests of this folder measured.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JsonObject } from '@countersign/sdk'
import { protect } from '@countersign/sdk/fetch'
import { ROOT } from '../support/documentation.ts'
import { FACTS, type Fact, FETCHES, LIBRARIES, OUTAGES, STRANGERS } from './facts.ts'
import { createTokenMaker, ODD_TOKEN_NAMES, ODD_TOKENS } from './support/odd-tokens.ts'

const CELLS: Readonly<Record<Fact, string>> = { refuses: 'refuses', set: 'set up', accepts: '**accepts**' }

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

function renderTable(): string {
  const rows = [
    ['the fault of the token', ...LIBRARIES],
    ['---', ...LIBRARIES.map(() => '---')],
    ...ODD_TOKEN_NAMES.map((name) => [
      ODD_TOKENS[name].label,
      ...LIBRARIES.map((library) => CELLS[FACTS[library][name]]),
    ]),
    ['none, but the keys cannot be fetched', ...LIBRARIES.map((library) => String(OUTAGES[library]))],
    [`${STRANGERS} tokens with an unknown \`kid\`: fetches`, ...LIBRARIES.map((library) => String(FETCHES[library]))],
  ]
  return rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

test('the SDK refuses every odd token, and takes one without a fault', async () => {
  const maker = createTokenMaker('https://sts.acme.example', 'https://orders.acme.example')
  const { issuer, audience } = maker
  const guard = protect({ issuer, audience, jwks: maker.jwks as unknown as JsonObject, scopes: ['orders:read'] })
  const handler = guard(() => new Response('orders'))
  const ask = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await handler(new Request('https://orders.acme.example/orders', { headers }))).status
  }
  assert.equal(await ask(maker.make()), 200)
  for (const name of ODD_TOKEN_NAMES) assert.equal(await ask(ODD_TOKENS[name].make(maker)), 401, name)
})

test('the table of the overview is what was measured', () => {
  const [, table] =
    /^(\| the fault of the token [\s\S]*?\n)\n/m.exec(read('docs/how-to/verify-with-other-libraries.md')) ?? []
  assert.equal(table, renderTable())
})

test('every library has an example and a guide that the overview links to, and the guide names what stays accepted', () => {
  const overview = read('docs/how-to/verify-with-other-libraries.md')
  for (const library of LIBRARIES) {
    const page = `verify-with-${library}.md`
    assert.ok(overview.includes(`(${page})`), page)
    assert.ok(existsSync(join(ROOT, 'examples', `verify-with-${library}`, 'README.md')), library)
    const guide = read(`docs/how-to/${page}`)
    assert.ok(guide.includes(`examples/verify-with-${library}`), library)
    for (const name of ODD_TOKEN_NAMES.filter((each) => FACTS[library][each] === 'accepts')) {
      assert.ok(guide.includes(ODD_TOKENS[name].label), `${page} does not say: ${ODD_TOKENS[name].label}`)
    }
  }
})

test('the code that a guide shows is the code of its example', () => {
  for (const library of LIBRARIES) {
    const guide = read(`docs/how-to/verify-with-${library}.md`)
    const [...blocks] = guide.matchAll(/^```(\w+) title=(\S+)\n([\s\S]*?)^```$/gm)
    assert.ok(blocks.length > 0, library)
    for (const [, , file = '', code = ''] of blocks) assert.ok(read(file).includes(code), `${library}: ${file}`)
  }
})

test('the versions that the Node examples name are those that were tested', () => {
  for (const library of LIBRARIES) {
    const path = `examples/verify-with-${library}/package.json`
    if (!existsSync(join(ROOT, path))) continue
    const { dependencies } = JSON.parse(read(path)) as { dependencies: Readonly<Record<string, string>> }
    for (const [name, version] of Object.entries(dependencies)) {
      const installed = JSON.parse(read(`node_modules/${name}/package.json`)) as { version: string }
      assert.equal(version, installed.version, name)
    }
  }
})
