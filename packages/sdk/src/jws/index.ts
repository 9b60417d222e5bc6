/**
 * Compact JWS, read strictly (RFC 7515 section 7.1, RFC 8725 section 3).
 *
 * One path: `parseCompactJws` takes a token apart without verifying anything; `parseStrictJsonObject` reads the header
 * and the payload so that no two readers can disagree on them. What must never be processed is refused here, by name,
 * in header.ts: a further JOSE extension would be admitted there and nowhere else.
 */
export { decodeBase64url } from './base64url.ts'
export { MAX_TOKEN_BYTES, parseCompactJws, parseProofJws, type UnverifiedJws } from './compact.ts'
export { deepFreeze, type JwsHeader, MAX_KID_LENGTH, normalizeType } from './header.ts'
export { type JsonFaultCodes, type JsonObject, type JsonValue, parseStrictJsonObject } from './json.ts'
