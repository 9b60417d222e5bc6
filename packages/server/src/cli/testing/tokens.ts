import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A compact JWS signed by a key that is made for it and forgotten. Its text is unlike any other, so that it can be searched for. */
export function makeToken(
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg: 'ES256', typ: 'JWT', kid: 'k1', ...header })}.${encode({ nonce: randomBytes(8).toString('hex'), ...claims })}`
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
    'base64url',
  )
  return `${input}.${signature}`
}

/** Every piece of a token that would let its reader use it, or learn it bit by bit. */
export function piecesOf(token: string): readonly string[] {
  return [token, ...token.split('.').filter((part) => part.length > 20)]
}
