/**
 * The Countersign SDK: verifies tokens strictly, in process, with no network call per request.
 *
 * `createTokenVerifier` is what most services need. The parts it is made of are exported too: `verifyJws` for signed
 * bytes under one key, key sources (`createStaticKeySet`, `createRemoteKeySet`), and the rules by which addresses may be
 * connected to. Every failure is a `CountersignError` with a stable code.
 */
export {
  type AccessToken,
  AnswerError,
  type CredentialClient,
  type CredentialClientOptions,
  callbackSource,
  createCredentialClient,
  type FileSourceOptions,
  fileSource,
  type GithubSourceOptions,
  githubSource,
  type KubernetesSourceOptions,
  kubernetesSource,
  type OAuthErrorWord,
  PROOF_SOURCES,
  type ProofOutcome,
  type ProofRequest,
  type ProofSource,
  type SourceKind,
  type SourceVariable,
  type TokenOptions,
} from './credentials/index.ts'
export {
  createDpopKey,
  createDpopNonces,
  createDpopVerifier,
  type DpopKey,
  type DpopKeyOptions,
  type DpopNonces,
  type DpopNoncesOptions,
  type DpopProofPresentation,
  type DpopProofRequest,
  type DpopVerifier,
  type DpopVerifierOptions,
  type VerifiedDpopProof,
} from './dpop/index.ts'
export {
  COUNTERSIGN_ERROR_CODES,
  CountersignError,
  type CountersignErrorCode,
  type CountersignErrorOptions,
  isCountersignError,
} from './errors.ts'
export {
  createFollower,
  type Follower,
  type FollowerEvent,
  type FollowerOptions,
  type FollowerStatus,
  type OnUnavailable,
} from './follow/index.ts'
export {
  type AddressClass,
  type AddressRule,
  classifyAddress,
  createRemoteKeySet,
  type FetchTarget,
  isAddressAllowed,
  isPublicAddress,
  type KeyName,
  type KeySetAlarm,
  type KeySetChange,
  type Lookup,
  parseFetchUrl,
  parseIssuerUrl,
  type RemoteKeySetOptions,
  type ResolvedAddress,
  type UrlRules,
} from './jwks/index.ts'
export {
  type JsonObject,
  type JsonValue,
  type JwsHeader,
  parseCompactJws,
  parseStrictJsonObject,
  type UnverifiedJws,
} from './jws/index.ts'
export {
  type Algorithm,
  createStaticKeySet,
  importJwk,
  type JwkFault,
  jwkThumbprint,
  type KeySource,
  type ParsedKeySet,
  parseKeySet,
  type SkippedKey,
  type StaticKeySet,
  type StaticKeySetOptions,
  type ThumbprintMembers,
  type VerificationKey,
} from './keys/index.ts'
export type {
  Actor,
  Confirmation,
  Principal,
  ProtectOptions,
  RefusalReport,
} from './middleware/index.ts'
export {
  createTokenVerifier,
  parseUnverifiedToken,
  type RevocationCheck,
  type RevocationVerdict,
  type TokenClaims,
  type TokenVerifier,
  type TokenVerifierOptions,
  UnverifiedToken,
  type VerifiedJws,
  type VerifiedToken,
  type VerifyJwsOptions,
  verifyJws,
} from './verify/index.ts'
