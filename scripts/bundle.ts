// The command as few files (decision 0011): what tsc built and its locked dependencies, bundled, with the licences of what is inside.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'packages/server/dist')
const outdir = join(dist, 'bundle')

const { metafile } = await build({
  absWorkingDir: root,
  // Flat, because `storage/embedded/writer.ts` expects its worker beside itself, wherever it ends up.
  entryPoints: [join(dist, 'cli/main.js'), join(dist, 'storage/embedded/worker.js')],
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  outdir,
  metafile: true,
  logLevel: 'warning',
  // Dependencies in CommonJS call `require` for modules of Node.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
})

writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)))

/** Name, version and licence text of every package that a bundled file comes from. */
function licencesOf(inputs: readonly string[]): string {
  const packages = new Set(inputs.flatMap((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []))
  return [...packages]
    .sort()
    .map((name) => {
      const folder = join(root, 'node_modules', name)
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
      const text =
        file !== undefined && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : license
      return `${name} ${version} (${license})\n\n${text.trim()}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}
