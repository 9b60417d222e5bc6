import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createTokenVerifier } from '@countersign/sdk'
import {
  FORK_PULL_REQUEST_JOB,
  type GithubIssuer,
  githubSubject,
  type KubernetesIssuer,
  STRANGER_JOB,
  startGithubIssuer,
  startKubernetesIssuer,
} from './index.ts'

const now = (): Date => new Date()
const AUDIENCE = 'https://sts.acme.example'

function get(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    call.on('error', reject)
    call.end()
  })
}

describe('emulated issuers', () => {
  let github: GithubIssuer
  let kubernetes: KubernetesIssuer
  let directory: string

  before(async () => {
    github = await startGithubIssuer({ port: 0, now })
    kubernetes = await startKubernetesIssuer({ port: 0, now })
    directory = await mkdtemp(join(tmpdir(), 'cs-issuers-'))
  })
  after(async () => {
    await Promise.all([github.close(), kubernetes.close(), rm(directory, { recursive: true })])
  })

  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost', '127.0.0.1.example', '127.0.0.2', '']) {
    it(`refuse to listen on ${JSON.stringify(host)}`, async () => {
      await assert.rejects(startGithubIssuer({ port: 0, now, host }), RangeError)
      await assert.rejects(startKubernetesIssuer({ port: 0, now, host }), RangeError)
    })
  }

  it('say that a port is busy, so that the caller can take another', async () => {
    const port = Number(new URL(github.issuer).port)
    await assert.rejects(startKubernetesIssuer({ port, now }), { code: 'EADDRINUSE' })
  })

  it('answer nothing but their own paths, and no other method', async () => {
    for (const path of ['/', '/token', '/_apis/jobs/x/idtoken', '//evil.example/x', '/.well-known/../x']) {
      assert.equal((await get(`${github.issuer}${path}`)).status, 404, path)
    }
    assert.equal((await get(`${github.issuer}/.well-known/jwks`, {}, 'POST')).status, 404)
    assert.equal((await get(`${kubernetes.issuer}/.well-known/jwks`)).status, 404)
  })

  it('publish no private key', async () => {
    for (const url of [`${github.issuer}/.well-known/jwks`, `${kubernetes.issuer}/openid/v1/jwks`]) {
      const { keys } = JSON.parse((await get(url)).text) as { keys: Record<string, string>[] }
      assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
    }
  })

  it('give a GitHub token only for the request token of the very job', async () => {
    const job = github.createJob()
    const other = github.createJob(STRANGER_JOB)
    const url = `${job.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=x`
    for (const authorization of [
      '',
      'bearer',
      'bearer x',
      `basic ${job.ACTIONS_ID_TOKEN_REQUEST_TOKEN}`,
      `bearer ${other.ACTIONS_ID_TOKEN_REQUEST_TOKEN}`,
    ]) {
      const { status, text } = await get(url, { authorization })
      assert.equal(status, 401, authorization.slice(0, 10))
      assert.ok(!text.includes('value'))
    }
    const unknown = job.ACTIONS_ID_TOKEN_REQUEST_URL.replace(/jobs\/[^/]*/, 'jobs/00000000-0000-4000-8000-000000000000')
    const { status } = await get(unknown, { authorization: `bearer ${job.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` })
    assert.equal(status, 401)
  })

  it('give tokens that the strict verifier accepts through discovery, each of them new', async () => {
    const verifier = createTokenVerifier({
      issuer: github.issuer,
      audience: AUDIENCE,
      typ: 'JWT',
      remote: { allowLoopbackHttp: true },
      now,
    })
    const job = github.createJob()
    const ask = async (): Promise<string> => {
      const { status, text } = await get(
        `${job.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=${encodeURIComponent(AUDIENCE)}`,
        {
          authorization: `bearer ${job.ACTIONS_ID_TOKEN_REQUEST_TOKEN}`,
        },
      )
      assert.equal(status, 200)
      return (JSON.parse(text) as { value: string }).value
    }
    const first = await verifier.verify(await ask())
    const second = await verifier.verify(await ask())
    verifier.close()
    assert.notEqual(first.claims['jti'], second.claims['jti'])
    assert.equal(first.claims.sub, 'repo:acme@123456/orders@456789:environment:production')
    assert.equal(first.claims.exp - (first.claims.iat ?? 0), 300)
    assert.ok(Object.values(first.claims).every((value) => typeof value === 'string' || typeof value === 'number'))
  })

  it('give the owner URL as the audience when a job asks for none, as GitHub does', async () => {
    const job = github.createJob(FORK_PULL_REQUEST_JOB)
    const { text } = await get(job.ACTIONS_ID_TOKEN_REQUEST_URL, {
      authorization: `Bearer ${job.ACTIONS_ID_TOKEN_REQUEST_TOKEN}`,
    })
    const [, payload = ''] = (JSON.parse(text) as { value: string }).value.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    assert.equal(claims['aud'], 'https://github.com/acme')
    assert.equal(claims['event_name'], 'pull_request_target')
    assert.equal('environment' in claims, false)
    assert.equal(githubSubject(FORK_PULL_REQUEST_JOB, 'names'), 'repo:acme/orders:pull_request')
  })

  it('write a projected token that only its owner can read, and replace it in one step', async () => {
    const path = join(directory, 'run', 'token')
    const token = { namespace: 'reports', serviceAccount: 'nightly', audience: AUDIENCE, path }
    await kubernetes.writeToken(token)
    const first = await readFile(path, 'utf8')
    await kubernetes.writeToken(token)
    assert.notEqual(await readFile(path, 'utf8'), first)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(join(directory, 'run')), ['token'])
    const verifier = createTokenVerifier({
      issuer: kubernetes.issuer,
      audience: AUDIENCE,
      typ: [undefined],
      remote: { allowLoopbackHttp: true },
      now,
    })
    const { claims, header } = await verifier.verify(first)
    verifier.close()
    assert.equal(claims.sub, 'system:serviceaccount:reports:nightly')
    assert.deepEqual(Object.keys(header).sort(), ['alg', 'kid'])
  })

  it('name a service account by the same uid in every run, and two by two', async () => {
    const again = await startKubernetesIssuer({ port: 0, now })
    const uid = (issuer: KubernetesIssuer, serviceAccount: string): unknown => {
      const claims = issuer.tokenClaims({ namespace: 'reports', serviceAccount, audience: AUDIENCE }) as {
        readonly 'kubernetes.io'?: { readonly serviceaccount: { readonly uid: string } }
      }
      return claims['kubernetes.io']?.serviceaccount.uid
    }
    assert.equal(uid(again, 'nightly'), uid(kubernetes, 'nightly'))
    assert.notEqual(uid(again, 'nightly'), uid(again, 'daily'))
    await again.close()
  })
})
