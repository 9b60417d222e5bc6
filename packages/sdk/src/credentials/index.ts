/**
 * Credentials for calling APIs: `createCredentialClient` finds the proof of where this runs, exchanges it for a short-lived token,
 * and keeps it fresh.
 *
 * One path: client.ts puts together sources/ (the proof), exchange.ts (RFC 8693, with token-endpoint.ts and token-answer.ts),
 * token-holder.ts (one token, one exchange at a time) and authorized-fetch.ts (where the token may go). A new platform is a file in
 * sources/. Limits of time and size stand beside what they limit.
 */
export { AnswerError, type OAuthErrorWord } from './answer-error.ts'
export { createCredentialClient } from './client.ts'
export {
  callbackSource,
  type FileSourceOptions,
  fileSource,
  type GithubSourceOptions,
  githubSource,
  type KubernetesSourceOptions,
  kubernetesSource,
  PROOF_SOURCES,
  type ProofOutcome,
  type ProofRequest,
  type ProofSource,
  type SourceKind,
  type SourceVariable,
} from './sources/index.ts'
export type { AccessToken, CredentialClient, CredentialClientOptions, TokenOptions } from './types.ts'
