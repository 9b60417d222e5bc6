// Verifying tokens in process: unique and repeated ones of three algorithms, beside the bare signature check and beside libraries that
// are told to make the same checks; and what the middleware adds to a request. CPU of this process, rounds of all contenders in turn.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { type ExpressRequest, protect as protectExpress } from '@countersign/sdk/express'
import { protect as protectFetch } from '@countersign/sdk/fetch'
import { createTokenVerifier, type TokenVerifier } from '@countersign/sdk/verify'
import { createVerifier } from 'fast-jwt'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { readRevocableToken } from '../packages/sdk/src/follow/revocable-token.ts'
import { createRevocationSet } from '../packages/sdk/src/follow/revocation-set.ts'
import type { Bar, BenchResult } from './report.ts'

const ISSUER = 'https://sts.acme.example'
const AUDIENCE = 'https://orders.acme.internal'
/** Enough for the compiler to have seen the whole path: a service runs for weeks, a benchmark for seconds. */
const WARM_UP_ROUNDS = 6
const ROUNDS = 15
const UNIQUE = 2_000
const REPEATED = 1_000
const REPEATS = 200_000

type Name = 'RS256' | 'ES256' | 'Ed25519'
const LIMITS: Readonly<Record<Name, { readonly bar: string; readonly limit: number }>> = {
  RS256: { bar: 'verify.rs256.ratio', limit: 1.5 },
  ES256: { bar: 'verify.es256.ratio', limit: 1.2 },
  Ed25519: { bar: 'verify.eddsa.ratio', limit: 1.5 },
}

interface Material {
  readonly name: Name
  readonly publicKey: KeyObject
  readonly jwks: { readonly keys: readonly JWK[] }
  readonly pem: string
  /** Unique tokens; `alg` as their header names it. */
  tokens(count: number, alg?: string): readonly string[]
}

function createMaterial(name: Name): Material {
  const { publicKey, privateKey } =
    name === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : name === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  const kid = `bench-${name}`
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' }
  return {
    name,
    publicKey,
    jwks: { keys: [name === 'Ed25519' ? jwk : { ...jwk, alg: name }] },
    pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    tokens: (count, alg = name) => {
      const now = Math.floor(Date.now() / 1000)
      return Array.from({ length: count }, (_, index) => {
        const claims = {
          iss: ISSUER,
          sub: 'countersign://sts.acme.example/workload/tp_01/repository_id/456789',
          aud: AUDIENCE,
          client_id: 'wl_01jz8m2q4c6e8g0j2m4p6r8t0v',
          iat: now,
          exp: now + 900,
          jti: `jti_01jz8m2q4c6e8g0j2m4p6r${String(index).padStart(6, '0')}`,
          scope: 'orders:read orders:deploy',
          cs: { pol: 'pol_01', tp: ['tp_01'], svc: 'svc_01', rev: 41, evt: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v' },
        }
        const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
        const input = `${segment({ alg, typ: 'at+jwt', kid })}.${segment(claims)}`
        const signature = sign(name === 'Ed25519' ? null : 'sha256', Buffer.from(input), {
          key: privateKey,
          dsaEncoding: 'ieee-p1363',
        })
        return `${input}.${signature.toString('base64url')}`
      })
    },
  }
}

interface Contender {
  readonly name: string
  /** Verifies every token, or throws. */
  work(): Promise<void> | void
}

/** Median CPU of each contender in microseconds per token, and of the ratio to the first one within each round. */
async function compare(contenders: readonly Contender[], perRound: number): Promise<{ us: number; ratio: number }[]> {
  const rounds: number[][] = []
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    const times: number[] = []
    for (const { work } of contenders) {
      const before = process.cpuUsage()
      await work()
      const { user, system } = process.cpuUsage(before)
      times.push((user + system) / perRound)
    }
    if (round >= WARM_UP_ROUNDS) rounds.push(times)
  }
  return contenders.map((_, index) => ({
    us: median(rounds.map((times) => times[index] ?? Number.NaN)),
    ratio: median(rounds.map((times) => (times[index] ?? Number.NaN) / (times[0] ?? Number.NaN))),
  }))
}

/** The bare check: signature over the bytes, nothing parsed; ECDSA as DER, which node verifies fastest. */
function bareContender({ name, publicKey }: Material, tokens: readonly string[]): Contender {
  const digest = name === 'Ed25519' ? null : 'sha256'
  const prepared = tokens.map((token) => {
    const dot = token.lastIndexOf('.')
    const signature = Buffer.from(token.slice(dot + 1), 'base64url')
    return { input: Buffer.from(token.slice(0, dot)), signature: name === 'ES256' ? toDer(signature) : signature }
  })
  return {
    name: 'bare node:crypto',
    work: () => {
      for (const { input, signature } of prepared) if (!verify(digest, input, publicKey, signature)) throw refused()
    },
  }
}

function contendersOf(material: Material): readonly Contender[] {
  const { name, jwks, pem } = material
  // Peers do not know the name "Ed25519" of RFC 9864; they get the same tokens under its older name.
  const peerAlg = name === 'Ed25519' ? 'EdDSA' : name
  const ours = material.tokens(UNIQUE)
  const theirs = name === 'Ed25519' ? material.tokens(UNIQUE, peerAlg) : ours
  const verifier = createOurs(material, false)
  const keys = createLocalJWKSet({ keys: [...jwks.keys] })
  const fast = createVerifier({
    key: pem,
    algorithms: [peerAlg],
    allowedIss: ISSUER,
    allowedAud: AUDIENCE,
    requiredClaims: ['exp', 'iat', 'sub', 'jti'],
    clockTolerance: 30_000,
    checkTyp: 'at+jwt',
    cache: false,
  })
  const contenders: Contender[] = [
    bareContender(material, ours),
    {
      name: 'countersign',
      work: () => {
        for (const token of ours) if (!verifier.verifySync(token)) throw refused()
      },
    },
    {
      name: 'countersign, by promise',
      work: async () => {
        for (const token of ours) await verifier.verify(token)
      },
    },
    {
      name: 'jose',
      work: async () => {
        for (const token of theirs) {
          await jwtVerify(token, keys, {
            issuer: ISSUER,
            audience: AUDIENCE,
            algorithms: [peerAlg],
            typ: 'at+jwt',
            clockTolerance: 30,
            maxTokenAge: 86_400,
            requiredClaims: ['exp', 'iat', 'sub', 'jti'],
          })
        }
      },
    },
    {
      name: 'fast-jwt, no cache',
      work: () => {
        for (const token of theirs) fast(token)
      },
    },
  ]
  if (name !== 'Ed25519') {
    const key = createPublicKey(pem)
    contenders.push({
      name: 'jsonwebtoken',
      work: () => {
        for (const token of theirs) {
          jsonwebtoken.verify(token, key, {
            algorithms: [name],
            issuer: ISSUER,
            audience: AUDIENCE,
            clockTolerance: 30,
            maxAge: 86_400,
          })
        }
      },
    })
  }
  return contenders
}

function createOurs({ jwks, name }: Material, cache: boolean): TokenVerifier {
  const set = createRevocationSet()
  for (let index = 0; index < 1_000; index += 1) {
    set.add({
      kind: 'jti',
      value: `jti_other_${index}`,
      upToRevision: null,
      issuedBeforeMs: null,
      expiresAtMs: Date.now() + 3_600_000,
    })
  }
  return createTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: [name],
    jwks: JSON.parse(JSON.stringify(jwks)),
    cache,
    // What a follower with a lease does: a thousand revocations known, none of which is about these tokens.
    revocations: {
      checkSync: (token) => (set.covers(readRevocableToken(token)) ? 'revoked' : 'accepted'),
      check: async (token) => (set.covers(readRevocableToken(token)) ? 'revoked' : 'accepted'),
      close() {},
    },
  })
}

/** Runs every comparison. */
export async function run(): Promise<BenchResult> {
  const rows: Record<string, string | number>[] = []
  const bars: Bar[] = []
  for (const name of ['RS256', 'ES256', 'Ed25519'] as const) {
    process.stderr.write(`${name} ...\n`)
    const contenders = contendersOf(createMaterial(name))
    const measured = await compare(contenders, UNIQUE)
    for (const [index, { us, ratio }] of measured.entries()) {
      const who = contenders[index]?.name ?? ''
      rows.push({ algorithm: name, who, 'us per token': round(us), 'of bare': round(ratio) })
      if (who === 'countersign')
        bars.push({ name: LIMITS[name].bar, value: round(ratio), unit: 'x', limit: LIMITS[name].limit })
    }
  }
  process.stderr.write('repeated tokens and middleware ...\n')
  const repeated = await measureRepeated()
  rows.push(...repeated.rows)
  return {
    rows,
    bars: [...bars, ...repeated.bars],
    notes: [
      `${UNIQUE} unique tokens per round, ${REPEATED} tokens repeated ${REPEATS / REPEATED} times; median of ${ROUNDS} rounds, all contenders in turn in each`,
      'bare: the signature alone, bytes at hand, ECDSA as DER; peers are told to check issuer, audience, algorithm, type, age and required claims where they can',
    ],
  }
}

async function measureRepeated(): Promise<{ rows: Record<string, string | number>[]; bars: Bar[] }> {
  const material = createMaterial('ES256')
  const verifier = createOurs(material, true)
  const tokens = material.tokens(REPEATED)
  for (const token of tokens) verifier.verifySync(token)
  const contenders = repeatedContenders(verifier, tokens)
  const measured = await compare(contenders, REPEATS)
  const us = (name: string) => measured[contenders.findIndex((contender) => contender.name === name)]?.us ?? Number.NaN
  const rows = contenders.map(({ name }, index) => ({
    algorithm: 'repeated',
    who: name,
    'us per token': round(measured[index]?.us ?? Number.NaN),
  }))
  const added = Math.max(us('express middleware') - us('express, none'), us('fetch middleware') - us('fetch, none'))
  return {
    rows,
    bars: [
      {
        name: 'verify.repeated.per_s',
        value: Math.round(1_000_000 / us('verifySync')),
        unit: '/s',
        limit: 400_000,
        atLeast: true,
      },
      { name: 'middleware.cpu_us', value: round(added), unit: 'us', limit: 5 },
    ],
  }
}

function repeatedContenders(verifier: TokenVerifier, tokens: readonly string[]): readonly Contender[] {
  const each = (work: (token: string, index: number) => void) => () => {
    for (let index = 0; index < REPEATS; index += 1) work(tokens[index % REPEATED] ?? '', index)
  }
  const options = { verifier, scopes: ['orders:read'] }
  let admitted = 0
  const next = () => {
    admitted += 1
  }
  const requests = tokens.map((token) => expressRequest(token))
  const response = { setHeader() {}, end() {}, statusCode: 200, headersSent: false } as never
  const express = protectExpress(options)
  const fetchRequests = tokens.map((token) => new Request(AUDIENCE, { headers: { authorization: `Bearer ${token}` } }))
  const answer = new Response('ok')
  const plain = async (_request: Request) => answer
  const guarded = protectFetch(options)(() => answer)
  return [
    { name: 'verifySync', work: each((token) => void verifier.verifySync(token)) },
    { name: 'express, none', work: each((_, index) => void (requests[index % REPEATED] && next())) },
    {
      name: 'express middleware',
      work: () => {
        admitted = 0
        each((_, index) => void express(requests[index % REPEATED] as ExpressRequest, response, next))()
        if (admitted !== REPEATS) throw refused()
      },
    },
    { name: 'fetch, none', work: () => eachAwaited((index) => plain(fetchRequests[index % REPEATED] as Request)) },
    {
      name: 'fetch middleware',
      work: () => eachAwaited((index) => guarded(fetchRequests[index % REPEATED] as Request)),
    },
  ]
}

async function eachAwaited(work: (index: number) => Promise<Response>): Promise<void> {
  for (let index = 0; index < REPEATS; index += 1) if ((await work(index)).status !== 200) throw refused()
}

/** As node:http makes it, as far as the middleware looks. */
function expressRequest(token: string): ExpressRequest {
  const authorization = `Bearer ${token}`
  return {
    method: 'GET',
    url: '/orders',
    originalUrl: '/orders',
    headers: { host: 'orders.acme.internal', accept: '*/*', authorization },
    rawHeaders: ['Host', 'orders.acme.internal', 'Accept', '*/*', 'Authorization', authorization],
    headersDistinct: { host: ['orders.acme.internal'], accept: ['*/*'], authorization: [authorization] },
    socket: {},
  } as unknown as ExpressRequest
}

/** r and s as an ASN.1 sequence of two integers. */
function toDer(signature: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    let from = 0
    while (from < bytes.length - 1 && bytes[from] === 0) from += 1
    const digits = bytes.subarray(from)
    const body = (digits[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), digits]) : digits
    return Buffer.concat([Buffer.of(2, body.length), body])
  }
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))])
  return Buffer.concat([Buffer.of(0x30, body.length), body])
}

const refused = () => new Error('a token that must be accepted was not')

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

const round = (value: number) => Math.round(value * 100) / 100
