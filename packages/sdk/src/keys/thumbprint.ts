import { hash } from 'node:crypto'

/** The required members of a public key, in the order of their names, which is the canonical order. */
export type ThumbprintMembers =
  | { readonly e: string; readonly kty: 'RSA'; readonly n: string }
  | { readonly crv: string; readonly kty: 'EC'; readonly x: string; readonly y: string }
  | { readonly crv: string; readonly kty: 'OKP'; readonly x: string }

/**
 * The RFC 7638 SHA-256 thumbprint of a public key, base64url: one name per key, whatever its `kid`, `alg` or `use`
 * (RFC 8037 section 2 for OKP). The members must be in canonical base64url.
 */
export function jwkThumbprint(members: ThumbprintMembers): string {
  const canonical =
    members.kty === 'RSA'
      ? { e: members.e, kty: members.kty, n: members.n }
      : members.kty === 'EC'
        ? { crv: members.crv, kty: members.kty, x: members.x, y: members.y }
        : { crv: members.crv, kty: members.kty, x: members.x }
  return hash('sha256', JSON.stringify(canonical), 'base64url')
}
