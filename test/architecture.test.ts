import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const serverSource = join(root, 'packages/server/src')
const BASE = ['lib', 'errors', 'version']
const STORED = [...BASE, 'storage', 'schema']

/** Which folder of the server may import which. An edge that is not here is refused; the object must stay free of cycles. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  errors: [],
  version: [],
  storage: BASE,
  schema: ['storage'],
  resources: STORED,
  inventory: [...STORED, 'resources'],
  attestors: [...BASE, 'resources'],
  audit: STORED,
  revocation: [...STORED, 'audit'],
  'signing-keys': [...STORED, 'audit'],
  tokens: [...STORED, 'audit', 'revocation', 'signing-keys'],
  policy: [...STORED, 'resources', 'attestors', 'inventory'],
  federation: [
    ...STORED,
    'resources',
    'attestors',
    'inventory',
    'policy',
    'audit',
    'revocation',
    'signing-keys',
    'tokens',
  ],
  admin: [...STORED, 'resources', 'attestors', 'inventory', 'policy', 'audit', 'revocation'],
  config: [...BASE, 'resources'],
  outbound: BASE,
  installation: [...BASE, 'config', 'storage'],
  seal: [...STORED, 'audit', 'config', 'installation', 'outbound', 'signing-keys'],
  http: [
    ...BASE,
    'admin',
    'attestors',
    'audit',
    'federation',
    'inventory',
    'policy',
    'resources',
    'revocation',
    'signing-keys',
    'tokens',
  ],
  server: [
    ...STORED,
    ...['admin', 'attestors', 'audit', 'config', 'federation', 'http', 'inventory', 'policy', 'resources'],
    ...['installation', 'revocation', 'seal', 'signing-keys', 'tokens'],
  ],
  quickstart: [...BASE, 'attestors', 'audit', 'config', 'server', 'resources'],
  cli: [...BASE, 'audit', 'config', 'seal', 'quickstart', 'resources', 'schema', 'server', 'storage', 'signing-keys'],
}

/** Folders that know nothing of transports or of the process they run in. */
const DOMAIN = [
  ...['admin', 'attestors', 'audit', 'federation', 'inventory', 'policy', 'resources'],
  ...['revocation', 'signing-keys', 'tokens'],
]

interface Import {
  readonly file: string
  readonly from: string
  readonly to: string
  readonly target: string
}

function sourceFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return sourceFiles(path)
    const isSource = entry.name.endsWith('.ts') && !/\.(test|test-support|test-data|fixture)\.ts$/.test(entry.name)
    return isSource && !relative(serverSource, path).split('/').includes('testing') ? [path] : []
  })
}

/** The room that a file belongs to: its top folder, or its own name when it lies at the root. */
function roomOf(path: string): string {
  const [first = ''] = relative(serverSource, path).split('/')
  return first.replace(/\.ts$/, '')
}

function specifiersOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '')
}

function serverImports(): Import[] {
  return sourceFiles(serverSource).flatMap((file) =>
    specifiersOf(readFileSync(file, 'utf8'))
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => {
        const target = resolve(dirname(file), specifier)
        return { file: relative(root, file), from: roomOf(file), to: roomOf(target), target }
      }),
  )
}

test('every import between folders of the server is an allowed edge', () => {
  const refused = serverImports()
    .filter(({ from, to }) => from !== to && !(ALLOWED[from] ?? []).includes(to))
    .map(({ file, to }) => `${file} imports ${to}`)
  assert.deepEqual(refused, [])
})

test('every folder of the server is in the table', () => {
  const rooms = new Set(sourceFiles(serverSource).map(roomOf))
  assert.deepEqual(
    [...rooms].filter((room) => !(room in ALLOWED)),
    [],
  )
})

test('the allowed edges have no cycle', () => {
  const state = new Map<string, 'open' | 'done'>()
  const visit = (room: string, path: readonly string[]): void => {
    if (state.get(room) === 'done') return
    assert.notEqual(state.get(room), 'open', `cycle: ${[...path, room].join(' -> ')}`)
    state.set(room, 'open')
    for (const next of ALLOWED[room] ?? []) visit(next, [...path, room])
    state.set(room, 'done')
  }
  for (const room of Object.keys(ALLOWED)) visit(room, [])
})

test('from outside a folder only its index.ts is imported, or that of a folder within it', () => {
  const refused = serverImports()
    .filter(({ from, to, target }) => {
      const isFolder = relative(serverSource, target).includes('/')
      return from !== to && isFolder && !target.endsWith('/index.ts')
    })
    .map(({ file, target }) => `${file} imports ${relative(serverSource, target)}`)
  assert.deepEqual(refused, [])
})

test('domain folders read no environment, write to no console and know no transport', () => {
  const refused = sourceFiles(serverSource)
    .filter((file) => DOMAIN.includes(roomOf(file)))
    .filter((file) =>
      /\bprocess\.env\b|\bconsole\.|from '(hono|node:http|node:https|@hono\/)/.test(readFileSync(file, 'utf8')),
    )
    .map((file) => relative(root, file))
  assert.deepEqual(refused, [])
})

test('only storage knows which engine it is', () => {
  const refused = sourceFiles(serverSource)
    .filter((file) => roomOf(file) !== 'storage')
    .filter((file) => specifiersOf(readFileSync(file, 'utf8')).some((name) => name === 'pg' || name === 'node:sqlite'))
    .map((file) => relative(root, file))
  assert.deepEqual(refused, [])
})

test('the SDK imports nothing of the server, and few packages', () => {
  const sdk = join(root, 'packages/sdk/src')
  const allowed = Object.keys(
    (
      JSON.parse(readFileSync(join(root, 'packages/sdk/package.json'), 'utf8')) as {
        dependencies?: Record<string, string>
      }
    ).dependencies ?? {},
  )
  const refused = readdirSync(sdk, { recursive: true, encoding: 'utf8' })
    .map((name) => join(sdk, name))
    .filter((file) => statSync(file).isFile() && file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file))
    .flatMap((file) => specifiersOf(readFileSync(file, 'utf8')).map((name) => ({ file, name })))
    .filter(({ name }) => !name.startsWith('.') && !name.startsWith('node:') && !allowed.includes(name))
  assert.deepEqual(refused, [])
})
