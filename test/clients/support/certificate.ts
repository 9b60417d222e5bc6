/** A certificate authority for one test, made by openssl, and what it vouches for: this machine under 127.0.0.1. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate with its key (PEM), and the file of the authority that clients are to trust. */
export interface Certificate {
  readonly key: string
  readonly certificate: string
  readonly authorityFile: string
}

/** Makes both, valid for a day, in an existing directory. @throws Error with openssl's words. */
export function createCertificate(directory: string): Certificate {
  const openssl = (...args: readonly string[]) => {
    const { status, stderr, error } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' })
    if (error || status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`)
  }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=test')
  openssl('req', '-new', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1')
  writeFileSync(join(directory, 'server.ext'), 'subjectAltName=IP:127.0.0.1\n')
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'server.ext', '-days', '1']
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signing)
  return {
    key: readFileSync(join(directory, 'server.key'), 'utf8'),
    certificate: readFileSync(join(directory, 'server.pem'), 'utf8'),
    authorityFile: join(directory, 'ca.pem'),
  }
}
