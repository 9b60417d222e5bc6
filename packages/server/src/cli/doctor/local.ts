import { stat } from 'node:fs/promises'
import process from 'node:process'
import type { Check, CheckResult } from './types.ts'

/** Whether this Node can run the product at all, and is not past its end. */
export const nodeVersion: Check = {
  name: 'node',
  async run() {
    const version = process.versions.node
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (major < 22 || (major === 22 && minor < 18)) {
      return [{ check: 'node', outcome: 'fail', detail: `Node ${version}`, fix: 'install Node 22.18 or newer' }]
    }
    // Odd majors get no security fixes after half a year.
    if (major % 2 === 1) {
      return [
        { check: 'node', outcome: 'warn', detail: `Node ${version} is no long-term release`, fix: 'use an even major' },
      ]
    }
    return [{ check: 'node', outcome: 'ok', detail: `Node ${version}` }]
  },
}

/** Whether only the server's user can reach its data. */
export const dataDirectory: Check = {
  name: 'data-directory',
  async run({ configuration }) {
    if (!configuration)
      return [{ check: 'data-directory', outcome: 'skipped', detail: 'no configuration on this host' }]
    const path = configuration.dataDirectory
    return [await judge('data-directory', path, `mkdir -m 0700 ${path}, or start the server once`)]
  },
}

/** Whether the key-encryption key, or the token for the service that keeps it, is there and readable by its owner only. */
export const keyFile: Check = {
  name: 'key-file',
  async run({ configuration }) {
    if (!configuration) return [{ check: 'key-file', outcome: 'skipped', detail: 'no configuration on this host' }]
    const path = configuration.secretFile
    return [await judge('key-file', path, 'put the file back; without it the server does not start')]
  },
}

async function judge(check: string, path: string, missingFix: string): Promise<CheckResult> {
  const found = await stat(path).catch((error: unknown) =>
    error instanceof Error && 'code' in error ? String(error.code) : '?',
  )
  if (typeof found === 'string') {
    const detail = found === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${found})`
    return { check, outcome: 'fail', detail, fix: found === 'ENOENT' ? missingFix : 'run as the user of the server' }
  }
  const mode = found.mode & 0o777
  const shown = `${path} has mode 0${mode.toString(8).padStart(3, '0')}`
  const wanted = found.isDirectory() ? '0700' : '0600'
  // A mounted secret is often root's and group-readable; writable or world-readable it must never be.
  if ((mode & 0o027) !== 0) return { check, outcome: 'fail', detail: shown, fix: `chmod ${wanted} ${path}` }
  if ((mode & 0o050) !== 0) return { check, outcome: 'warn', detail: shown, fix: `chmod ${wanted} ${path}` }
  return { check, outcome: 'ok', detail: shown }
}
