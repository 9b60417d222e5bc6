// The two lists of platforms that must not grow apart: the presets whose proofs the server takes, and the sources that obtain them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PROOF_SOURCES } from '@countersign/sdk/credentials'
import { PRESETS } from '../packages/server/src/attestors/index.ts'
import { COMMANDS } from '../packages/server/src/cli/commands.ts'
import { SOURCE_NAMES } from '../packages/server/src/cli/proof-sources/index.ts'
import { ROOT } from './support/documentation.ts'

test('every preset of the server has a source in the SDK, and no source is for a preset that is not there', () => {
  const obtained = PROOF_SOURCES.flatMap(({ presets }) => presets)
  assert.deepEqual(obtained.toSorted(), PRESETS.map(({ name }) => name).toSorted())
})

test('every source of the SDK can be named on the command line', () => {
  const names = PROOF_SOURCES.map(({ name }) => name).toSorted()
  assert.deepEqual([...SOURCE_NAMES].toSorted(), names)
  const exchange = COMMANDS.find(({ path }) => path.join(' ') === 'exchange')
  const choices = exchange?.options?.find(({ name }) => name === 'source')?.choices ?? []
  assert.deepEqual(choices.filter((choice) => choice !== 'auto').toSorted(), names)
})

test('the how-to page names every source in its order, with every variable and path that it reads', () => {
  const page = readFileSync(join(ROOT, 'docs/how-to/call-an-api.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z]+)` \|[^|]*\|(.*)\|$/gm)]
  assert.deepEqual(
    rows.map(([, name]) => name),
    PROOF_SOURCES.map(({ name }) => name),
  )
  for (const [index, { variables, defaultPaths }] of PROOF_SOURCES.entries()) {
    const named = [...(rows[index]?.[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, text]) => text)
    assert.deepEqual(named, [...variables.map(({ name }) => name), ...defaultPaths])
  }
})
