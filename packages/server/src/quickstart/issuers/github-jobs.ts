/** What GitHub says of one job: every claim that the runner's token endpoint puts into a token, except those of the token itself. */
export interface GithubJobClaims {
  readonly repository: string
  readonly repository_id: string
  readonly repository_owner: string
  readonly repository_owner_id: string
  readonly repository_visibility: string
  readonly ref: string
  readonly ref_type: string
  readonly ref_protected: string
  readonly sha: string
  readonly head_ref: string
  readonly base_ref: string
  readonly event_name: string
  /** Absent when the job names no environment. */
  readonly environment?: string
  readonly environment_node_id?: string
  readonly actor: string
  readonly actor_id: string
  readonly run_id: string
  readonly run_number: string
  readonly run_attempt: string
  readonly check_run_id: string
  readonly workflow: string
  readonly workflow_ref: string
  readonly workflow_sha: string
  readonly job_workflow_ref: string
  readonly job_workflow_sha: string
  readonly runner_environment: string
  readonly enterprise?: string
  readonly enterprise_id?: string
  /** `repo_property_*` and whatever a test wants to change. */
  readonly [claim: string]: string | undefined
}

const DEPLOY_SHA = '7f3a1c0e5b2d4f6a8c9e0b1d2f3a4c5e6d7f8091'
const FORK_SHA = 'b1946ac92492d2347c6235b4d2611184a3f0c7e5'

/** The deploy job of acme/orders: push to the protected main, environment production, a reusable workflow of acme/deploy. */
export const DEPLOY_JOB: GithubJobClaims = {
  repository: 'acme/orders',
  repository_id: '456789',
  repository_owner: 'acme',
  repository_owner_id: '123456',
  repository_visibility: 'private',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  ref_protected: 'true',
  sha: DEPLOY_SHA,
  head_ref: '',
  base_ref: '',
  event_name: 'push',
  environment: 'production',
  environment_node_id: 'EN_kwDOABbPvM4AAAAB',
  actor: 'mona',
  actor_id: '583231',
  run_id: '11223344556',
  run_number: '42',
  run_attempt: '1',
  check_run_id: '33445566778',
  workflow: 'deploy',
  workflow_ref: 'acme/orders/.github/workflows/deploy.yml@refs/heads/main',
  workflow_sha: DEPLOY_SHA,
  job_workflow_ref: 'acme/deploy/.github/workflows/release.yml@refs/heads/main',
  job_workflow_sha: '0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a',
  runner_environment: 'github-hosted',
}

/** A job of acme/orders that a pull request from a fork has started through pull_request_target: the identity of the base, the code of a stranger. */
export const FORK_PULL_REQUEST_JOB: GithubJobClaims = {
  ...withoutEnvironment(DEPLOY_JOB),
  ref: 'refs/heads/main',
  ref_protected: 'true',
  head_ref: 'improve-readme',
  base_ref: 'main',
  event_name: 'pull_request_target',
  actor: 'drive-by',
  actor_id: '99887766',
  run_id: '11223399001',
  run_number: '77',
  check_run_id: '33445599002',
  workflow: 'label',
  workflow_ref: 'acme/orders/.github/workflows/label.yml@refs/heads/main',
  job_workflow_ref: 'acme/orders/.github/workflows/label.yml@refs/heads/main',
  job_workflow_sha: DEPLOY_SHA,
}

/** A job of somebody else's repository on the same issuer: outside every `require` of acme. */
export const STRANGER_JOB: GithubJobClaims = {
  ...DEPLOY_JOB,
  repository: 'mallory/orders',
  repository_id: '987654',
  repository_owner: 'mallory',
  repository_owner_id: '666666',
  sha: FORK_SHA,
  actor: 'mallory',
  actor_id: '666666',
  workflow_ref: 'mallory/orders/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_ref: 'mallory/orders/.github/workflows/deploy.yml@refs/heads/main',
}

function withoutEnvironment(job: GithubJobClaims): GithubJobClaims {
  const { environment: _environment, environment_node_id: _nodeId, ...rest } = job
  return rest as GithubJobClaims
}

function escapeColons(value: string): string {
  return value.replaceAll(':', '%3A')
}

/** The default `sub` of a job: with immutable ids (repositories made since 2026-07-15) or with names only. */
export function githubSubject(job: GithubJobClaims, format: 'immutable_ids' | 'names'): string {
  const [owner = '', name = ''] = job.repository.split('/')
  const repo =
    format === 'names' ? `${owner}/${name}` : `${owner}@${job.repository_owner_id}/${name}@${job.repository_id}`
  if (job.environment !== undefined) return `repo:${repo}:environment:${escapeColons(job.environment)}`
  if (job.event_name === 'pull_request' || job.event_name === 'pull_request_target') return `repo:${repo}:pull_request`
  return `repo:${repo}:ref:${escapeColons(job.ref)}`
}
