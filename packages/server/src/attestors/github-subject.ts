/** One `key:value` part of a GitHub subject, decoded; the context `pull_request` has no value. */
export interface GithubSubjectPart {
  readonly key: string
  readonly value: string | undefined
}

/** What a GitHub Actions `sub` says, for `inspect` and `explain`. Policies never match it: its format is not stable (T20). */
export interface GithubSubject {
  /** `names`: until 2026-07-15; `immutable_ids`: since; `customised`: by `include_claim_keys` of the organisation or repository. */
  readonly format: 'names' | 'immutable_ids' | 'customised'
  readonly owner?: string
  readonly ownerId?: string
  readonly repository?: string
  readonly repositoryId?: string
  readonly parts: readonly GithubSubjectPart[]
}

const MAX_SUBJECT_LENGTH = 2048
const MAX_PARTS = 32
const NAMES = /^([^/@:]+)\/([^/@:]+)$/
// The delimiter is `@`, which neither an owner nor a repository name can hold; the first announcement's `-` form never shipped.
const NAMES_WITH_IDS = /^([^/@:]+)@([0-9]{1,20})\/([^/@:]+)@([0-9]{1,20})$/
const DEFAULT_CONTEXTS: ReadonlySet<string> = new Set(['ref', 'environment', 'pull_request'])

function decodeColons(value: string): string {
  return value.replaceAll(/%3a/gi, ':')
}

function splitParts(sub: string): readonly GithubSubjectPart[] | undefined {
  const tokens = sub.split(':')
  const parts: GithubSubjectPart[] = []
  for (let index = 0; index < tokens.length; ) {
    const key = tokens[index] ?? ''
    if (key === 'pull_request') {
      parts.push({ key, value: undefined })
      index += 1
      continue
    }
    const value = tokens[index + 1]
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(key) || value === undefined || parts.length === MAX_PARTS) return undefined
    parts.push({ key, value: decodeColons(value) })
    index += 2
  }
  return parts
}

/**
 * Reads a GitHub Actions subject in the old, the immutable-id or a customised format.
 * @returns undefined when it is none of them; never throws. Source: docs.github.com "OpenID Connect reference", T20.
 */
export function parseGithubSubject(sub: string): GithubSubject | undefined {
  if (sub.length === 0 || sub.length > MAX_SUBJECT_LENGTH) return undefined
  const parts = splitParts(sub)
  if (!parts) return undefined
  const repo = parts.find((part) => part.key === 'repo')?.value
  const context = parts[1]
  const isDefault =
    parts.length === 2 && parts[0]?.key === 'repo' && context !== undefined && DEFAULT_CONTEXTS.has(context.key)
  if (repo === undefined) return { format: 'customised', parts }
  const withIds = NAMES_WITH_IDS.exec(repo)
  if (withIds) {
    const [, owner = '', ownerId = '', repository = '', repositoryId = ''] = withIds
    return { format: isDefault ? 'immutable_ids' : 'customised', owner, ownerId, repository, repositoryId, parts }
  }
  const names = NAMES.exec(repo)
  if (!names) return undefined
  const [, owner = '', repository = ''] = names
  return { format: isDefault ? 'names' : 'customised', owner, repository, parts }
}

/** One sentence on the subject's format, for people. Holds no value of the token. */
export function describeGithubSubject(sub: string): string {
  const subject = parseGithubSubject(sub)
  if (!subject) return 'sub has no format that GitHub documents'
  if (subject.format === 'names') {
    return 'sub is in the format of repositories made before 2026-07-15: names only, which others can register again'
  }
  if (subject.format === 'immutable_ids') return 'sub holds the immutable ids of owner and repository'
  const ids = subject.repositoryId === undefined ? 'without immutable ids' : 'with immutable ids'
  return `sub is customised (${subject.parts.map((part) => part.key).join(', ')}), ${ids}`
}
