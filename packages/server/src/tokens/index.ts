/**
 * Our own access tokens: how they are signed (`issue.ts`), how the server verifies them for itself (`own.ts`).
 * Signing needs a committed issuance first; that order is the exchange's (federation/), this folder only makes and reads tokens.
 */
export { type AccessTokenContent, signAccessToken } from './issue.ts'
export { createOwnTokens, type OwnToken, type OwnTokens, type OwnTokensDeps } from './own.ts'
