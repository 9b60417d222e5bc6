import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { loadConfig } from './config.ts'
import { ServiceError } from './errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'countersign-config-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof ServiceError && error.code === 'config_invalid', String(error))
    return error.problems.map((problem) => `${problem.pointer} | ${problem.detail} | ${problem.fix}`)
  }
  assert.fail('the configuration was accepted')
}

const issuer = 'https://sts.acme.example'

test('names every fault at once, each with file, line and the way out', () => {
  const file = write(
    'many.yaml',
    'issuer: ftp://x\nlisten:\n  prot: 8700\n  host: example.org\nsigning:\n  activeFor: soon\n',
  )
  const faults = faultsOf(() => loadConfig({ file }))
  const find = (part: string) =>
    faults.find((fault) => fault.includes(part)) ?? assert.fail(`${part} not in ${faults.join('\n')}`)
  assert.match(find('listen.prot'), /many\.yaml:3 .*did you mean port\?/)
  assert.match(find('activeFor'), /many\.yaml:6/)
  // What only a check beyond the schema finds is told in the same run, also beside an unknown key of its section.
  assert.match(find('issuer'), /many\.yaml:1 issuer .*must be https/)
  assert.match(find('listen.host'), /many\.yaml:4 listen\.host .*must be an IP address/)
  assert.equal(faults.length, 4)
})

test('refuses issuers that are not exact https origins, or http beyond loopback (S-12)', () => {
  for (const bad of [
    'http://sts.acme.example',
    'https://sts.acme.example/',
    'https://sts.acme.example?x=1',
    'https://sts.acme.example#f',
    'https://user@sts.acme.example',
    'https://STS.acme.example',
    'https://sts.acme.example:443',
    'sts.acme.example',
    '',
  ]) {
    assert.ok(
      faultsOf(() => loadConfig({ overrides: { issuer: bad } })).some((fault) => fault.startsWith('issuer')),
      bad,
    )
  }
  for (const good of [issuer, 'https://acme.example/sts', 'http://127.0.0.1:8700', 'http://[::1]:1']) {
    assert.equal(loadConfig({ overrides: { issuer: good } }).issuer, good)
  }
})

test('refuses a database password in the file, and a value given twice; the fault holds no part of it', () => {
  const url = 'postgres://cs:hunter2secret@db/cs'
  const file = write('url', `${url}\n`)
  const faults = faultsOf(() => loadConfig({ overrides: { issuer, database: { url } } }))
  assert.ok(!faults.join().includes('hunter2secret'))
  faultsOf(() => loadConfig({ overrides: { issuer, database: { url: 'postgres://db/cs', urlFile: file } } }))
  faultsOf(() => loadConfig({ overrides: { issuer, database: { urlFile: join(directory, 'absent') } } }))
  assert.equal(loadConfig({ overrides: { issuer, database: { urlFile: file } } }).database?.url, url)
})

test('an unknown environment variable is refused with the nearest name; those of the command line are not ours', () => {
  const faults = faultsOf(() => loadConfig({ env: { COUNTERSIGN_ISSUER: issuer, COUNTERSIGN_LISTEN__PROT: '1' } }))
  assert.match(faults.join(), /COUNTERSIGN_LISTEN__PORT/)
  const config = loadConfig({
    env: { COUNTERSIGN_ISSUER: issuer, COUNTERSIGN_LISTEN__PORT: '9000', COUNTERSIGN_OUTPUT: 'json' },
  })
  assert.equal(config.listen.port, 9000)
})

test('variables that Kubernetes adds for a Service called countersign do not stop the start, near misses of keys do', () => {
  const env = {
    COUNTERSIGN_ISSUER: issuer,
    COUNTERSIGN_SERVICE_HOST: '10.96.0.12',
    COUNTERSIGN_SERVICE_PORT: '8700',
    COUNTERSIGN_SERVICE_PORT_HTTP: '8700',
    COUNTERSIGN_PORT: 'tcp://10.96.0.12:8700',
    COUNTERSIGN_PORT_8700_TCP: 'tcp://10.96.0.12:8700',
    COUNTERSIGN_PORT_8700_TCP_ADDR: '10.96.0.12',
  }
  assert.equal(loadConfig({ env }).issuer, issuer)
  faultsOf(() => loadConfig({ env: { COUNTERSIGN_ISSUER: issuer, COUNTERSIGN_PORT: '9000' } }))
})

test('the command line wins over the environment, which wins over the file', () => {
  const file = write('order.yaml', `issuer: ${issuer}\nlisten: { port: 1000 }\nlog: { level: warn }\n`)
  const env = { COUNTERSIGN_LISTEN__PORT: '2000', COUNTERSIGN_LOG__LEVEL: 'error' }
  const config = loadConfig({ file, env, overrides: { listen: { port: 3000 } } })
  assert.deepEqual([config.listen.port, config.logLevel, config.issuer], [3000, 'error', issuer])
})

test('refuses broken YAML, duplicate keys, aliases and a document that is no mapping', () => {
  for (const text of [
    'issuer: [',
    `issuer: ${issuer}\nissuer: ${issuer}\n`,
    '- a\n',
    `issuer: &a ${issuer}\nlog: *a\n`,
    'x'.repeat(10),
  ]) {
    assert.ok(faultsOf(() => loadConfig({ file: write('broken.yaml', text) })).length > 0, text)
  }
  assert.equal(faultsOf(() => loadConfig({ file: join(directory, 'absent.yaml') })).length, 1)
})

test('refuses a management audience that is the issuer, and a key life shorter than its publication', () => {
  faultsOf(() => loadConfig({ overrides: { issuer, management: { audience: issuer } } }))
  faultsOf(() => loadConfig({ overrides: { issuer, signing: { activeFor: '1h', publishAhead: '2h' } } }))
})

test('refuses to sign with keys that verifiers cannot have fetched yet, but on loopback (G-02)', () => {
  const signing = { activeFor: '1h', publishAhead: '14m' }
  assert.match(faultsOf(() => loadConfig({ overrides: { issuer, signing } })).join(), /signing\.publishAhead/)
  assert.equal(
    loadConfig({ overrides: { issuer: 'http://127.0.0.1:8700', signing } }).signing.publishAheadMs,
    14 * 60_000,
  )
})

test('refuses trusted proxies that are no ranges: a slip must not come to mean everybody', () => {
  for (const range of ['10.0.0.0/', '10.0.0.0/33', '::1/129', 'proxy.example', '', '10.0.0.1/08', '10.0.0.0/-1']) {
    faultsOf(() => loadConfig({ overrides: { issuer, http: { trustedProxies: [range] } } }))
  }
  const trustedProxies = ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '0.0.0.0/0']
  assert.deepEqual(loadConfig({ overrides: { issuer, http: { trustedProxies } } }).http.trustedProxies, trustedProxies)
})

test('client certificates are taken from declared proxies only, so there must be some (S-14)', () => {
  const clientCertificates = 'trusted-proxies'
  const [fault] = faultsOf(() => loadConfig({ overrides: { issuer, http: { clientCertificates } } }))
  assert.match(fault ?? '', /http\.clientCertificates/)
  faultsOf(() =>
    loadConfig({ overrides: { issuer, http: { clientCertificates: 'on', trustedProxies: ['10.0.0.1'] } } }),
  )
  const { http } = loadConfig({ overrides: { issuer, http: { clientCertificates, trustedProxies: ['10.0.0.1'] } } })
  assert.equal(http.clientCertificates, clientCertificates)
  assert.equal(loadConfig({ overrides: { issuer } }).http.clientCertificates, 'off')
})

test('paths are relative to the file, and the defaults need nothing but the issuer', () => {
  const config = loadConfig({ file: write('small.yaml', `issuer: ${issuer}\ndataDirectory: ./data\n`) })
  assert.equal(config.dataDirectory, join(directory, 'data'))
  assert.deepEqual(config.seal, { provider: 'file', path: join(directory, 'data', 'kek'), ours: true })
  assert.equal(config.managementAudience, `${issuer}/v1`)
  assert.equal(config.database, undefined)
})

test('a file with a database URL that others can read is refused, and the fault holds no part of it', () => {
  const url = 'postgres://cs:not-a-secret@db.example/cs'
  for (const mode of [0o644, 0o604, 0o666, 0o602, 0o620, 0o660]) {
    const file = write(`url-${mode.toString(8)}`, url)
    chmodSync(file, mode)
    const one = { url: 'postgres://db/cs' }
    for (const [name, database] of Object.entries({
      urlFile: { urlFile: file },
      directFile: { ...one, directFile: file },
      migrateUrlFile: { ...one, migrateUrlFile: file },
    })) {
      const faults = faultsOf(() => loadConfig({ overrides: { issuer, database } }))
      assert.equal(faults.length, 1, faults.join())
      assert.match(faults[0] ?? '', new RegExp(`database.${name} .*${mode.toString(8)}.*chmod 600`))
      assert.doesNotMatch(faults[0] ?? '', /not-a-secret/)
    }
  }
})

test('a file with a database URL may be readable by the group only where root has mounted it', () => {
  const url = 'postgres://db.example/cs'
  const file = write('url-mounted', url)
  chmodSync(file, 0o640)
  const load = () => loadConfig({ overrides: { issuer, database: { urlFile: file } } })
  if (process.getuid?.() === 0) assert.equal(load().database?.url, url)
  else assert.match(faultsOf(load)[0] ?? '', /can be read by others/)
  chmodSync(file, 0o400)
  assert.equal(load().database?.url, url)
})

test('a seal that is not said in full, or said twice, is refused: it would be missed on the day that it is needed', () => {
  const transit = { address: 'https://bao.acme.example:8200', key: 'countersign', tokenFile: '/etc/countersign/token' }
  const refused = (seal: object, fault: RegExp, more: object = {}) => {
    const faults = faultsOf(() => loadConfig({ overrides: { issuer, seal, ...more } }))
    assert.ok(
      faults.some((text) => fault.test(text)),
      faults.join('\n'),
    )
  }
  refused({ file: '/a' }, /^seal\.file \| and signing\.sealKeyFile are both set/, { signing: { sealKeyFile: '/b' } })
  refused({ transit: { key: 'countersign' } }, /^seal\.transit\.key \| is set and seal\.provider is file/)
  refused({ provider: 'transit', file: '/a', transit }, /^seal\.file \| is set and seal\.provider is transit/)
  refused({ provider: 'vault' }, /^seal\.provider /)
  refused({ provider: 'transit' }, /^seal\.transit\.tokenFile \| is missing/)
  for (const address of [
    'http://bao.acme.example:8200',
    'https://bao.acme.example/v1',
    'https://token@bao.acme.example',
    'ftp://127.0.0.1',
    'bao.acme.example',
  ]) {
    refused({ provider: 'transit', transit: { ...transit, address } }, /^seal\.transit\.address /)
  }
  for (const key of ['', '..', 'a/b', 'a?b', 'a%2fb', 'a b']) {
    refused({ provider: 'transit', transit: { ...transit, key } }, /^seal\.transit\.key /)
  }
  for (const mount of ['/transit', 'transit/', 'a//b', '../sys', 'a?b']) {
    refused({ provider: 'transit', transit: { ...transit, mount } }, /^seal\.transit\.mount /)
    refused({ provider: 'transit', transit: { ...transit, namespace: mount } }, /^seal\.transit\.namespace /)
  }
})

test('a seal by its file, by the older name of that, and by a transit key', () => {
  const sealOf = (overrides: object) => loadConfig({ overrides: { issuer, ...overrides } }).seal
  const file = { provider: 'file', path: '/etc/countersign/kek', ours: false }
  assert.deepEqual(sealOf({ seal: { file: '/etc/countersign/kek' } }), file)
  assert.deepEqual(sealOf({ signing: { sealKeyFile: '/etc/countersign/kek' } }), file)
  const transit = { address: 'http://127.0.0.1:8200', key: 'countersign', tokenFile: '/etc/countersign/token' }
  assert.deepEqual(sealOf({ seal: { provider: 'transit', transit: { ...transit, namespace: 'org/team' } } }), {
    provider: 'transit',
    address: new URL('http://127.0.0.1:8200'),
    key: 'countersign',
    mount: 'transit',
    tokenFile: '/etc/countersign/token',
    namespace: 'org/team',
    caFile: undefined,
  })
})
