// npm run bench -- NAME [--output json] [--record]
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from './machine.ts'
import { type BenchDocument, type BenchResult, holds, renderTable } from './report.ts'

const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<BenchResult> }>>> = {
  decide: () => import('./decide.ts'),
  exchange: () => import('./exchange.ts'),
  revoke: () => import('./revoke.ts'),
  start: () => import('./start.ts'),
  verify: () => import('./verify.ts'),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { output: { type: 'string', default: 'table' }, record: { type: 'boolean', default: false } },
})
const [name = ''] = positionals
const load = BENCHES[name]
if (!load) {
  process.stderr.write(`error: no benchmark "${name}"\nfix: one of ${Object.keys(BENCHES).join(', ')}\n`)
  process.exit(2)
}
const result = await (await load()).run()
const document: BenchDocument = {
  bench: name,
  machine: describeMachine(),
  measured_at: new Date().toISOString(),
  ...result,
}
const json = `${JSON.stringify(document, null, 2)}\n`
process.stdout.write(values.output === 'json' ? json : renderTable(document))
if (values.record) {
  const directory = join(dirname(fileURLToPath(import.meta.url)), 'results')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, `${name}.json`), json)
}
process.exit(document.bars.every(holds) ? 0 : 1)
