/**
 * What the tests of a service need instead of a server. The entry point `@countersign/sdk/testing`.
 *
 * `createTestIssuer` issues tokens that are like a server's in every claim, for verifiers and for `protect`, whose options it
 * gives; it revokes them, and pretends that revocations cannot be checked. Nothing here is for production, and nothing of it
 * can get there: the issuer's name never resolves and its keys end with the process.
 */
export { createTestIssuer, type TestIssuer, type TestIssuerOptions, type TestTokenRequest } from './issuer.ts'
