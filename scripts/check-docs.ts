// Every export has a documentation comment, and the generated reference is what the code generates now.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const files = globSync('packages/*/src/**/*.ts', { cwd: root }).filter(
  (file) => !/\.test\.ts$|\.test-support\.ts$|\/testing\//.test(file),
)

function undocumentedExports(file: string): string[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const found: string[] = []
  for (const [index, line] of lines.entries()) {
    if (!/^export (default |async |abstract )*(function|const|class|interface|type [A-Za-z])/.test(line)) continue
    if (!/\*\/\s*$/.test(lines[index - 1] ?? '')) found.push(`${file}:${index + 1}: ${line.trim().slice(0, 80)}`)
  }
  return found
}

function foldersWithoutModuleComment(): string[] {
  return files
    .filter((file) => /\/index\.ts$/.test(file))
    .filter((file) => !readFileSync(join(root, file), 'utf8').trimStart().startsWith('/**'))
    .map((file) => `${file}: no module comment`)
}

const faults = [...files.flatMap(undocumentedExports), ...foldersWithoutModuleComment()]
for (const fault of faults) process.stderr.write(`undocumented: ${fault}\n`)
const generated = spawnSync(process.execPath, ['--conditions=source', 'scripts/generate-docs.ts', '--check'], {
  cwd: root,
  stdio: 'inherit',
})
process.stdout.write(`${files.length} files, ${faults.length} undocumented exports\n`)
process.exit(faults.length > 0 || generated.status !== 0 ? 1 : 0)
