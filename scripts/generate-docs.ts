// Writes docs/reference from the code. With --check it writes nothing, names the files that are not what the code says, and exits 1.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { renderReference } from '../packages/server/src/cli/index.ts'
import { renderApi, renderOpenApi } from './reference/api.ts'
import { renderConfiguration } from './reference/configuration.ts'
import { renderErrors } from './reference/errors.ts'
import { renderPresets } from './reference/presets.ts'
import { renderResources, renderSchemas } from './reference/resources.ts'

const directory = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs', 'reference')

const pages: ReadonlyMap<string, string> = new Map([
  ['api.md', renderApi()],
  ['cli.md', renderReference()],
  ['configuration.md', renderConfiguration()],
  ['errors.md', renderErrors()],
  ['openapi.json', renderOpenApi()],
  ['presets.md', renderPresets()],
  ['resources.md', renderResources()],
  ...renderSchemas(),
])

function present(): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Files that differ from what the code says: changed, missing, or no longer generated. */
function staleFiles(): string[] {
  const existing = present()
  const wrong = [...pages].filter(
    ([name, text]) => !existing.includes(name) || readFileSync(join(directory, name), 'utf8') !== text,
  )
  return [...wrong.map(([name]) => name), ...existing.filter((name) => !pages.has(name))].sort()
}

const stale = staleFiles()
if (process.argv.includes('--check')) {
  for (const name of stale) process.stderr.write(`stale: docs/reference/${name}\n`)
  if (stale.length > 0) process.stderr.write('fix: npm run docs\n')
  process.exit(stale.length > 0 ? 1 : 0)
}
for (const name of stale) {
  const path = join(directory, name)
  const text = pages.get(name)
  if (text === undefined) {
    rmSync(path)
  } else {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}
process.stdout.write(`${pages.size} files in docs/reference, ${stale.length} changed\n`)
