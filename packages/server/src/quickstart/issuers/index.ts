/**
 * Emulated issuers for the quickstart, the tests and the end-to-end runs: real OIDC servers with their own RS256 keys, made at start
 * and kept in memory, and the platforms' own claims and endpoints, so that the path of a client is the production one. They sign
 * whatever they are asked for, and therefore refuse to listen anywhere but on loopback. Add a platform: its file, and a line here.
 */
export { type GithubIssuer, type GithubIssuerOptions, type GithubJobEnvironment, startGithubIssuer } from './github.ts'
export { DEPLOY_JOB, FORK_PULL_REQUEST_JOB, type GithubJobClaims, githubSubject, STRANGER_JOB } from './github-jobs.ts'
export { createIssuerKeys, type IssuerKeys } from './issuer-keys.ts'
export type { IssuerAnswer, IssuerServer } from './issuer-server.ts'
export { type KubernetesIssuer, type ProjectedToken, startKubernetesIssuer } from './kubernetes.ts'
