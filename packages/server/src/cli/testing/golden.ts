import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Compares a text with `golden/NAME.txt`. `UPDATE_GOLDEN=1` writes the files anew, for a person to read the difference;
 * a missing file fails otherwise, so that a forgotten one is seen.
 */
export function assertGolden(name: string, text: string): void {
  const path = fileURLToPath(new URL(`../golden/${name}.txt`, import.meta.url))
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  assert.ok(existsSync(path), `golden/${name}.txt is missing; run the test with UPDATE_GOLDEN=1 and read it`)
  assert.equal(text, readFileSync(path, 'utf8'))
}
