/**
 * Our own access tokens: how they are signed (`issue.ts`), how the server verifies them for itself (`own.ts`), what it tells of them
 * (`introspect.ts`), and what they can be bound to (`confirmation.ts`).
 * Signing needs a committed issuance first; that order is the exchange's (federation/), this folder only makes and reads tokens.
 */
export { type Confirmation, tokenTypeOf } from './confirmation.ts'
export { createIntrospect, type Introspect, type IntrospectDeps, mayIntrospect } from './introspect.ts'
export { type AccessTokenContent, signAccessToken } from './issue.ts'
export { type ConfirmsHolder, createOwnTokens, type OwnToken, type OwnTokens, type OwnTokensDeps } from './own.ts'
