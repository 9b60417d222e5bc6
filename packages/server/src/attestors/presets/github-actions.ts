import type { ClaimDefinition, Danger, Preset } from '../types.ts'

// Source: docs.github.com, "OpenID Connect reference" (claims, custom properties, enterprise issuers), read 2026-11.
// Every value is a JSON string, numbers and booleans too ("run_attempt": "1", "ref_protected": "true").
// `sub` is not among the claims: its format is configurable and has changed (T20), so policies match what it is made of.
const CLAIMS: Readonly<Record<string, ClaimDefinition>> = {
  repository_id: { type: 'string', meaning: 'id of the repository that the job runs in', immutable: true },
  repository_owner_id: { type: 'string', meaning: 'id of the organisation or user that owns it', immutable: true },
  enterprise_id: { type: 'string', meaning: 'id of the enterprise that contains it', immutable: true },
  repository: {
    type: 'string',
    meaning: 'OWNER/NAME of the repository',
    pinnedBy: 'repository_id',
    caseInsensitive: true,
  },
  repository_owner: {
    type: 'string',
    meaning: 'name of the owner',
    pinnedBy: 'repository_owner_id',
    caseInsensitive: true,
  },
  enterprise: {
    type: 'string',
    meaning: 'name of the enterprise',
    pinnedBy: 'enterprise_id',
    caseInsensitive: true,
  },
  repository_visibility: { type: 'string', meaning: 'public, private or internal' },
  ref: {
    type: 'string',
    meaning: 'git ref that triggered the run; empty for runs triggered by a deployment of a commit',
  },
  ref_type: { type: 'string', meaning: 'branch or tag' },
  ref_protected: { type: 'string', meaning: '"true" when branch protection or rulesets cover the ref' },
  sha: { type: 'string', meaning: 'commit that triggered the run' },
  head_ref: { type: 'string', meaning: 'source branch of a pull request, else empty; chosen by its author' },
  base_ref: { type: 'string', meaning: 'target branch of a pull request, else empty' },
  event_name: { type: 'string', meaning: 'event that triggered the run' },
  environment: {
    type: 'string',
    meaning: 'environment that the job names; absent without one',
    caseInsensitive: true,
  },
  environment_node_id: { type: 'string', meaning: 'node id of that environment', immutable: true },
  actor: { type: 'string', meaning: 'login of who started the run', pinnedBy: 'actor_id', caseInsensitive: true },
  actor_id: { type: 'string', meaning: 'id of who started the run', immutable: true },
  run_id: { type: 'string', meaning: 'id of the workflow run', immutable: true },
  run_number: { type: 'string', meaning: 'number of the run within its workflow' },
  run_attempt: { type: 'string', meaning: 'number of the attempt, from "1"' },
  check_run_id: { type: 'string', meaning: 'id of the check run of the job', immutable: true },
  workflow: {
    type: 'string',
    meaning: 'name that the workflow file gives itself; whoever can push a branch can choose it',
  },
  workflow_ref: { type: 'string', meaning: 'path and ref of the workflow file that was started' },
  workflow_sha: { type: 'string', meaning: 'commit of that file' },
  job_workflow_ref: {
    type: 'string',
    meaning: 'path and ref of the file that defines the job: the reusable workflow if there is one (T21)',
  },
  job_workflow_sha: { type: 'string', meaning: 'commit of that file' },
  runner_environment: {
    type: 'string',
    meaning:
      'github-hosted or self-hosted; a self-hosted runner can be reused by the next job, also by an untrusted one',
  },
}

const DANGERS: readonly Danger[] = [
  {
    claim: 'event_name',
    values: ['pull_request_target'],
    refuse: 'always',
    why: 'the run has the identity of the base repository and may execute code of a fork (T21)',
    fix: 'run the job on push, or name pull_request_target in the policy',
  },
  {
    claim: 'event_name',
    values: ['pull_request', 'pull_request_review', 'pull_request_review_comment'],
    refuse: 'write',
    why: 'the run executes code that nobody has merged',
    fix: 'grant only read scopes to pull requests, or name the event in the policy',
  },
  {
    claim: 'event_name',
    values: ['workflow_run', 'issue_comment', 'issues', 'discussion', 'discussion_comment', 'fork', 'watch'],
    refuse: 'write',
    why: 'anybody can trigger the run and choose what it reads (artifacts, titles, comments)',
    fix: 'grant only read scopes to this event, or name it in the policy',
  },
]

/**
 * GitHub Actions on github.com, on data-residency hosts (`https://token.actions.NAME.ghe.com`) and on Enterprise Server
 * (`https://HOST/_services/token`). One issuer serves everybody, so `require` must pin an owner, enterprise or repository by id,
 * on Enterprise hosts too. The workload is the repository: names can change and refs are many, ids stay.
 */
export const githubActions: Preset = {
  name: 'github-actions',
  title: 'GitHub Actions',
  attestor: 'oidc',
  sharedIssuers: ['https://token.actions.githubusercontent.com', '.ghe.com'],
  algorithms: ['RS256'],
  proofTypes: ['application/jwt'],
  claims: CLAIMS,
  claimPrefixes: {
    repo_property_: {
      type: 'string',
      meaning: 'custom property of the repository; several values are joined by commas',
    },
  },
  tenantClaims: ['repository_owner_id', 'enterprise_id', 'repository_id'],
  tenantAlways: true,
  identityClaims: ['repository_owner_id', 'repository_id'],
  // Each request to the runner's endpoint gives a new token, valid for 5 minutes: a second use is a replay (T37).
  freshness: { class: 'per-request', maxUses: 1, maxProofAgeSeconds: 600, maxLifetimeSeconds: 3600 },
  dangers: DANGERS,
}
