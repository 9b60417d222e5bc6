// The command as somebody has it who installed the package: launcher and bundle, away from the sources that the launcher prefers.
import { cpSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '../packages/server')

/** Copies the published files into the directory and returns the launcher's path. */
export function installPublished(directory: string): string {
  if (!existsSync(join(packageFolder, 'dist/bundle/main.js'))) {
    throw new Error('the bench measures the built server: run `npm run build` first')
  }
  const target = join(directory, 'countersign')
  for (const name of ['package.json', 'bin', 'dist/bundle']) {
    cpSync(join(packageFolder, name), join(target, name), { recursive: true })
  }
  return join(target, 'bin/countersign.js')
}
