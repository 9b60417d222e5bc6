import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { ServiceError } from './errors.ts'
import { parseDurationMs } from './lib/index.ts'
import { nearestName, parseResourceFile, pointerOf } from './resources/index.ts'

const ENV_PREFIX = 'COUNTERSIGN_'
/** Environment variables of the command line, which are no configuration keys. */
const CLI_VARIABLES = [
  'SERVER',
  'SOCKET',
  'PROFILE',
  'CONFIG',
  'OUTPUT',
  'TOKEN_FILE',
  'NO_INPUT',
  'PROOF_FILE',
  'TEST_POSTGRES',
  'TEST_CLIENTS',
]

/** Kubernetes puts these into every pod of a namespace that has a Service called `countersign`: they are nobody's configuration. */
function isServiceLink(name: string, value: string): boolean {
  if (name === 'PORT') return /^(tcp|udp|sctp):\/\//.test(value)
  return /^SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|^PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)
}

const duration = (fallback: string) =>
  z
    .string()
    .refine((text) => parseDurationMs(text) !== undefined, 'must be a whole number and a unit: 30s, 15m, 24h, 90d')
    .default(fallback)
    .transform((text) => parseDurationMs(text) ?? 0)

const port = z.coerce.number().int().min(0).max(65_535)
const text = z.string().min(1)
const strings = z.union([z.array(text), text.transform((list) => list.split(',').map((item) => item.trim()))])

/** `10.0.0.0/` must not come to mean everybody, nor may a range that does not parse stop the start half-way. */
function isAddressRange(range: string): boolean {
  const match = /^([0-9a-fA-F.:]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(range)
  const family = isIP(match?.[1] ?? '')
  return family !== 0 && Number(match?.[2] ?? 0) <= (family === 4 ? 32 : 128)
}

const schema = z.strictObject({
  issuer: text.describe('The issuer of our tokens: the https origin (and path) that clients reach this service at.'),
  listen: z
    .strictObject({
      host: text.default('127.0.0.1').describe('Address to listen on.'),
      port: port.default(8700).describe('TCP port; 0 takes a free one.'),
    })
    .prefault({}),
  dataDirectory: text.default('./countersign-data').describe('Embedded database, key file and local socket.'),
  database: z
    .strictObject({
      url: text.optional().describe('PostgreSQL URL without a password. Absent: the embedded store.'),
      urlFile: text.optional().describe('File that holds the PostgreSQL URL, for a URL with a password.'),
      directFile: text
        .optional()
        .describe('File with a URL past a transaction pooler, for the leader lock and LISTEN.'),
      direct: text.optional().describe('The same without a password.'),
      migrateUrlFile: text
        .optional()
        .describe('File with the URL of the role that owns the schema; migrates at start.'),
      migrateUrl: text.optional().describe('The same without a password.'),
    })
    .prefault({}),
  signing: z
    .strictObject({
      algorithms: z
        .array(z.enum(['ES256', 'RS256', 'Ed25519']))
        .min(1)
        .default(['ES256'])
        .describe('Key rings that are kept from the start; the first signs.'),
      sealKeyFile: text.optional().describe('Older name of seal.file; give one of the two.'),
      publishAhead: duration('24h').describe('How long a new key is published before it signs.'),
      activeFor: duration('30d').describe('How long a key signs.'),
    })
    .prefault({}),
  seal: z
    .strictObject({
      provider: z
        .enum(['file', 'transit'])
        .default('file')
        .describe('Who keeps the key-encryption key: a file, or the transit engine of OpenBao or HashiCorp Vault.'),
      file: text.optional().describe('Mounted key-encryption key. Absent: `kek`, made in the data directory (0600).'),
      transit: z
        .strictObject({
          address: text
            .optional()
            .describe('Origin of the server: https, or http on loopback for an agent on this host.'),
          key: text.optional().describe('Name of the transit key.'),
          mount: text.default('transit').describe('Where the transit engine is mounted.'),
          tokenFile: text.optional().describe('File of mode 0600 with a token; read again at each call.'),
          namespace: text.optional().describe('Namespace of the engine, where there are any.'),
          caFile: text.optional().describe('PEM certificates to trust instead of the well-known authorities.'),
        })
        .prefault({}),
    })
    .prefault({}),
  management: z
    .strictObject({ audience: text.optional().describe('Audience of the management API. Default: ISSUER/v1.') })
    .prefault({}),
  admin: z
    .strictObject({ socket: z.enum(['on', 'off']).default('on').describe('The local administration socket.') })
    .prefault({}),
  http: z
    .strictObject({
      trustedProxies: strings
        .refine((ranges) => ranges.every(isAddressRange), 'must be addresses or CIDR ranges such as 10.0.0.0/8')
        .default([])
        .describe('CIDR ranges whose X-Forwarded-For is believed, from the right.'),
      allowedHosts: strings.default([]).describe('Host names accepted besides that of the issuer.'),
      clientCertificates: z
        .enum(['off', 'trusted-proxies'])
        .default('off')
        .describe(
          'Whether `Client-Cert` (RFC 9440) of the trusted proxies is believed; from anybody else it is refused.',
        ),
    })
    .prefault({}),
  limits: z
    .strictObject({
      perAddressPerSecond: z.coerce.number().int().positive().default(200).describe('Exchanges of one address.'),
      perProviderPerSecond: z.coerce
        .number()
        .int()
        .positive()
        .default(5000)
        .describe(
          'Proofs that are verified for one provider. While it refuses more than a tenth of that, addresses with refused proofs wait.',
        ),
      perWorkloadPerSecond: z.coerce.number().int().positive().default(200).describe('Exchanges of one workload.'),
      pendingExchanges: z.coerce.number().int().positive().default(4096).describe('Above it, 503 with Retry-After.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      claims: duration('30d').describe('How long the claims behind decisions are kept for explain and replay.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Least level.'),
    })
    .prefault({}),
})

/** The configuration as files and environment give it: strict, every key described; its JSON Schema is published. */
export const CONFIG_SCHEMA = schema

/** The checked configuration, paths absolute. */
export interface Config {
  readonly issuer: string
  readonly issuerUrl: URL
  readonly listen: { readonly host: string; readonly port: number }
  readonly dataDirectory: string
  readonly database:
    | { readonly url: string; readonly direct: string | undefined; readonly migrateUrl: string | undefined }
    | undefined
  readonly signing: {
    readonly algorithms: readonly ('ES256' | 'RS256' | 'Ed25519')[]
    readonly publishAheadMs: number
    readonly activeMs: number
  }
  readonly seal: SealConfig
  readonly managementAudience: string
  readonly adminSocket: boolean
  readonly http: {
    readonly trustedProxies: readonly string[]
    readonly allowedHosts: readonly string[]
    readonly clientCertificates: 'off' | 'trusted-proxies'
  }
  readonly limits: z.output<typeof schema>['limits']
  readonly claimsRetentionMs: number
  readonly logLevel: string
}

/** Who keeps the key-encryption key. `ours`: the file may be made, because it lies in our own data directory. */
export type SealConfig =
  | { readonly provider: 'file'; readonly path: string; readonly ours: boolean }
  | {
      readonly provider: 'transit'
      readonly address: URL
      readonly key: string
      readonly mount: string
      readonly tokenFile: string
      readonly namespace: string | undefined
      readonly caFile: string | undefined
    }

/** Where configuration comes from. `overrides` (of the command line or a test) win over the environment, which wins over the file. */
export interface LoadConfigInput {
  readonly file?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly overrides?: Readonly<Record<string, unknown>>
}

interface Fault {
  readonly pointer: string
  readonly detail: string
  readonly fix: string
}

type Tree = Record<string, unknown>

/**
 * Reads and checks the configuration; unknown keys are refused with the nearest name.
 * @throws ServiceError config_invalid with every fault at once, each with file, line and fix.
 */
export function loadConfig({ file, env = {}, overrides = {} }: LoadConfigInput): Config {
  const faults: Fault[] = []
  const source = file === undefined ? { tree: {}, locate: () => '' } : readConfigFile(file, faults)
  // Without the file nothing is known of its keys: only what is wrong with the file itself is told.
  if (faults.length > 0) throw invalidConfig(faults)
  const tree = merge(merge(source.tree, readEnvironment(env, faults)), overrides)
  const parsed = schema.safeParse(tree)
  for (const issue of parsed.error?.issues ?? []) faults.push(...toFaults(issue, source.locate))
  const base = file === undefined ? process.cwd() : dirname(resolve(file))
  // What the schema cannot say is checked in the same run on whatever the schema found no fault with.
  const data = parsed.success ? parsed.data : parseRest(tree, parsed.error.issues)
  const config = finish(data, base, (path, detail, fix) => {
    faults.push({ pointer: `${source.locate(path.split('.'))} ${path}`.trim(), detail, fix })
  })
  if (faults.length > 0 || !config) throw invalidConfig(faults)
  return config
}

function invalidConfig(faults: readonly Fault[]): ServiceError {
  return new ServiceError('config_invalid', {
    detail: faults.map((fault) => `\n  ${fault.pointer}: ${fault.detail}\n    fix: ${fault.fix}`).join(''),
    problems: faults.map((fault) => ({ ...fault, code: 'config_invalid' })),
  })
}

const MIN_PUBLISH_AHEAD_MS = 15 * 60_000

/** Stands in for an issuer that is missing or no text; its fault is told already. */
const ANY_ISSUER = 'https://issuer.invalid'

/** The configuration without its faulty values: defaults are in their place. */
function parseRest(tree: Tree, issues: readonly z.core.$ZodIssue[]): z.output<typeof schema> {
  const rest = structuredClone(tree)
  for (const issue of issues) {
    const paths =
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path.slice(0, 2)]
    for (const path of paths) deleteIn(rest, path.map(String))
  }
  return schema.parse({ issuer: ANY_ISSUER, ...rest })
}

function deleteIn(tree: Tree, [name = '', ...rest]: readonly string[]): void {
  const child = tree[name]
  if (rest.length > 0 && isTree(child)) deleteIn(child, rest)
  else delete tree[name]
}

function readConfigFile(
  file: string,
  faults: Fault[],
): { tree: Tree; locate: (path: readonly PropertyKey[]) => string } {
  const locateFile = () => file
  if (!existsSync(file)) {
    faults.push({ pointer: file, detail: 'does not exist', fix: 'give the path of the configuration with --config' })
    return { tree: {}, locate: locateFile }
  }
  const parsed = parseResourceFile(readFileSync(file), file)
  for (const { line, detail, fix } of parsed.faults) faults.push({ pointer: `${file}:${line}`, detail, fix })
  const [document] = parsed.documents
  if (!document || parsed.faults.length > 0) return { tree: {}, locate: locateFile }
  const locate = (path: readonly PropertyKey[]) => `${file}:${document.locate(pointerOf(path.map(String))).line}`
  if (parsed.documents.length > 1 || !isTree(document.value)) {
    faults.push({ pointer: file, detail: 'must be one mapping', fix: 'start with `issuer: https://...`' })
    return { tree: {}, locate }
  }
  return { tree: document.value, locate }
}

/** COUNTERSIGN_LISTEN__PORT=8701 sets listen.port; names are matched to the schema's without regard to case or underscores. */
function readEnvironment(env: Readonly<Record<string, string | undefined>>, faults: Fault[]): Tree {
  const known = new Map<string, readonly string[]>()
  for (const path of schemaPaths()) known.set(path.map((name) => snake(name)).join('__'), path)
  const tree: Tree = {}
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || value === undefined) continue
    const rest = name.slice(ENV_PREFIX.length)
    if (CLI_VARIABLES.includes(rest) || isServiceLink(rest, value)) continue
    const path = known.get(rest)
    if (!path) {
      const near = nearestName(rest, [...known.keys()])
      faults.push({
        pointer: name,
        detail: 'no such configuration key',
        fix: near ? `did you mean ${ENV_PREFIX}${near}?` : 'unset it',
      })
      continue
    }
    setIn(tree, path, path.at(-1) === 'algorithms' ? value.split(',') : value)
  }
  return tree
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

function schemaPaths(): (readonly string[])[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const walk = (node: JsonSchema, path: readonly string[]): (readonly string[])[] =>
    node.properties ? Object.entries(node.properties).flatMap(([name, child]) => walk(child, [...path, name])) : [path]
  return walk(json, [])
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
}

function setIn(tree: Tree, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path
  if (name === undefined) return
  if (rest.length === 0) {
    tree[name] = value
    return
  }
  const child = (tree[name] ?? {}) as Tree
  tree[name] = child
  setIn(child, rest, value)
}

function merge(below: Tree, above: Tree): Tree {
  const out: Tree = { ...below }
  for (const [name, value] of Object.entries(above)) {
    const both = isTree(out[name]) && isTree(value)
    if (value !== undefined) out[name] = both ? merge(out[name] as Tree, value as Tree) : value
  }
  return out
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

function toFaults(issue: z.core.$ZodIssue, locate: (path: readonly PropertyKey[]) => string): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const siblings = schemaPaths()
      .filter((path) => issue.path.every((part, index) => path[index] === part))
      .map((path) => path[issue.path.length] ?? '')
    return issue.keys.map((key) => {
      const near = nearestName(key, siblings)
      return {
        pointer: `${locate([...issue.path, key])} ${[...issue.path, key].join('.')}`.trim(),
        detail: 'no such key',
        fix: near ? `did you mean ${near}?` : `remove it; known here: ${[...new Set(siblings)].join(', ')}`,
      }
    })
  }
  const name = issue.path.join('.')
  return [
    {
      pointer: `${locate(issue.path)} ${name}`.trim(),
      detail: issue.message,
      fix: `set ${name}; see docs/reference/configuration.md`,
    },
  ]
}

/** Takes a fault of one key. */
type Report = (path: string, detail: string, fix: string) => void

function finish(data: z.output<typeof schema>, base: string, report: Report): Config | undefined {
  const path = (name: string) => (isAbsolute(name) ? name : resolve(base, name))
  const issuerUrl = parseIssuer(data.issuer, report)
  const database = readDatabaseUrls(data.database, path, report)
  const dataDirectory = path(data.dataDirectory)
  if (data.listen.host !== 'localhost' && isIP(data.listen.host) === 0) {
    report('listen.host', 'must be an IP address or localhost', 'for example 127.0.0.1, or 0.0.0.0 behind a proxy')
  }
  if (data.http.clientCertificates === 'trusted-proxies' && data.http.trustedProxies.length === 0) {
    report('http.clientCertificates', 'needs http.trustedProxies', 'name the addresses of the proxies that end TLS')
  }
  if (data.signing.activeFor <= data.signing.publishAhead) {
    report('signing.activeFor', 'must be longer than signing.publishAhead', 'for example 30d and 24h')
  }
  // G-02: the SDK keeps a key set for 10 minutes; a key that signs sooner than that is unknown to verifiers. Loopback is for trying.
  if (issuerUrl?.protocol === 'https:' && data.signing.publishAhead < MIN_PUBLISH_AHEAD_MS) {
    report('signing.publishAhead', 'must be at least 15m', 'for example 24h')
  }
  const seal = readSeal(data, path, resolve(dataDirectory, 'kek'), report)
  if (!issuerUrl || !seal) return undefined
  const managementAudience = data.management.audience ?? `${data.issuer}/v1`
  if (managementAudience === data.issuer) {
    report('management.audience', 'must differ from the issuer', 'leave it out, or use a URI of its own')
  }
  return {
    issuer: data.issuer,
    issuerUrl,
    listen: data.listen,
    dataDirectory,
    database,
    signing: {
      algorithms: data.signing.algorithms,
      publishAheadMs: data.signing.publishAhead,
      activeMs: data.signing.activeFor,
    },
    seal,
    managementAudience,
    adminSocket: data.admin.socket === 'on',
    http: data.http,
    limits: data.limits,
    claimsRetentionMs: data.retention.claims,
    logLevel: data.log.level,
  }
}

/** RFC 8414 section 2: https, no query, no fragment. Plain http is for loopback only. */
function parseIssuer(issuer: string, report: Report): URL | undefined {
  const fault = (detail: string, fix: string) => {
    report('issuer', detail, fix)
    return undefined
  }
  if (!URL.canParse(issuer)) return fault('is not a URL', 'for example https://sts.acme.example')
  const url = new URL(issuer)
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
    return fault('must be https (http only on loopback)', 'use the https address that clients reach')
  }
  if (url.search || url.hash || url.username || url.password || issuer.endsWith('/')) {
    return fault('must have no query, fragment, user info or final slash', `use ${url.origin}`)
  }
  if (url.origin + (url.pathname === '/' ? '' : url.pathname) !== issuer) {
    return fault('is not in its normal form', `use ${url.origin}${url.pathname === '/' ? '' : url.pathname}`)
  }
  return url
}

/** A path segment of the transit API, or several for a mount or namespace: no dots that climb, nothing that URLs read otherwise. */
const TRANSIT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

function readSeal(
  { seal, signing }: z.output<typeof schema>,
  path: (name: string) => string,
  ownFile: string,
  report: Report,
): SealConfig | undefined {
  const given = seal.file ?? signing.sealKeyFile
  if (seal.file !== undefined && signing.sealKeyFile !== undefined) {
    report('seal.file', 'and signing.sealKeyFile are both set', 'keep seal.file')
  }
  const { transit } = seal
  const transitNames = (['address', 'key', 'tokenFile', 'namespace', 'caFile'] as const).filter(
    (name) => transit[name] !== undefined,
  )
  if (seal.provider === 'file') {
    // A key that is set up and not used would be missed only on the day it is needed.
    if (transitNames.length > 0) {
      report(`seal.transit.${transitNames[0]}`, 'is set and seal.provider is file', 'set seal.provider: transit')
    }
    return { provider: 'file', path: given === undefined ? ownFile : path(given), ours: given === undefined }
  }
  if (given !== undefined) {
    report('seal.file', 'is set and seal.provider is transit', 'remove it, or set seal.provider: file')
  }
  const { key, mount, tokenFile, namespace, caFile } = transit
  const address = parseTransitAddress(transit.address, report)
  if (key === undefined || !TRANSIT_NAME.test(key)) {
    report('seal.transit.key', 'must be the name of a transit key', 'for example countersign')
  }
  for (const [name, value] of [
    ['mount', mount],
    ['namespace', namespace],
  ] as const) {
    if (value !== undefined && !value.split('/').every((segment) => TRANSIT_NAME.test(segment))) {
      report(`seal.transit.${name}`, 'must be names with slashes between them', 'without a slash at its ends')
    }
  }
  if (tokenFile === undefined) {
    report('seal.transit.tokenFile', 'is missing', 'write the token to a file of mode 0600 and name that')
  }
  if (!address || key === undefined || tokenFile === undefined) return undefined
  return {
    provider: 'transit',
    address,
    key,
    mount,
    tokenFile: path(tokenFile),
    namespace,
    caFile: caFile === undefined ? undefined : path(caFile),
  }
}

function parseTransitAddress(address: string | undefined, report: Report): URL | undefined {
  const fault = (detail: string) => {
    report('seal.transit.address', detail, 'for example https://bao.acme.example:8200')
    return undefined
  }
  if (address === undefined || !URL.canParse(address)) return fault('must be a URL')
  const url = new URL(address)
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
    return fault('must be https (http only on loopback): the token and the data key travel over it')
  }
  if (url.pathname !== '/' || url.search || url.hash || url.username || url.password) {
    return fault('must be an origin: no path, query or user')
  }
  return url
}

/** The text of a file that holds a secret, or its mode when others could read or write it: the rule of the seal key's file. */
function readPrivateFile(path: string): { readonly text: string } | { readonly mode: number } {
  const descriptor = openSync(path, 'r')
  try {
    // Of the open file, so that it is the one that is read.
    const { mode, uid } = fstatSync(descriptor)
    const mountedByRoot = uid === 0 && (mode & 0o027) === 0
    if ((mode & 0o077) !== 0 && !mountedByRoot) return { mode: mode & 0o777 }
    return { text: readFileSync(descriptor, 'utf8') }
  } finally {
    closeSync(descriptor)
  }
}

function readDatabaseUrls(
  database: z.output<typeof schema>['database'],
  path: (name: string) => string,
  report: Report,
): Config['database'] {
  const read = (name: 'url' | 'direct' | 'migrateUrl'): string | undefined => {
    const value = database[name]
    const file = database[`${name}File`]
    if (value !== undefined && file !== undefined) {
      report(`database.${name}`, `and database.${name}File are both set`, 'keep one of them')
    }
    if (value !== undefined && /:\/\/[^/@]*:[^/@]+@/.test(value)) {
      report(
        `database.${name}`,
        'holds a password',
        `write the URL to a file of mode 0600 and set database.${name}File`,
      )
      return undefined
    }
    if (file === undefined) return value
    try {
      const secret = readPrivateFile(path(file))
      if ('text' in secret) return secret.text.replace(/\n$/, '')
      report(
        `database.${name}File`,
        `can be read by others (mode ${secret.mode.toString(8)})`,
        'run chmod 600 on it; a file that root owns may have mode 440 (Kubernetes: defaultMode 0440 and fsGroup)',
      )
      return undefined
    } catch (error) {
      report(
        `database.${name}File`,
        `cannot be read (${(error as NodeJS.ErrnoException).code})`,
        'check the path and its permissions',
      )
      return undefined
    }
  }
  const [url, direct, migrateUrl] = [read('url'), read('direct'), read('migrateUrl')]
  if (url !== undefined) return { url, direct, migrateUrl }
  if (direct !== undefined || migrateUrl !== undefined) {
    report('database', 'direct and migrateUrl need database.url', 'set database.url or database.urlFile')
  }
  return undefined
}
