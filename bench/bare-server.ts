// The bare limit: node:http, one RS256 verification, one ES256 signature, nothing else. What no exchange can be cheaper than.
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

const publicKey = createPublicKey(readFileSync(process.argv[2] ?? '', 'utf8'))
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'bare' })).toString('base64url')

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('latin1')
  request.on('data', (chunk: string) => {
    body += chunk
  })
  request.on('end', () => {
    const token = new URLSearchParams(body).get('subject_token') ?? ''
    const dot = token.lastIndexOf('.')
    const valid = verify(
      'sha256',
      Buffer.from(token.slice(0, dot)),
      publicKey,
      Buffer.from(token.slice(dot + 1), 'base64url'),
    )
    const payload = Buffer.from(JSON.stringify({ iss: 'bare', exp: 0, valid })).toString('base64url')
    const signature = sign('sha256', Buffer.from(`${header}.${payload}`), privateKey)
    const answer = JSON.stringify({
      access_token: `${header}.${payload}.${signature.toString('base64url')}`,
      expires_in: 900,
    })
    response.writeHead(valid ? 200 : 400, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer),
    })
    response.end(answer)
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
process.on('SIGTERM', () => process.exit(0))
