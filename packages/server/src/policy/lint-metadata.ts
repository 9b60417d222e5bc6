import type { Problem } from '../resources/index.ts'
import { type LintRule, lintError, lintWarning } from './lint-input.ts'

// D-103. Whole values, or values that begin with one of the words that people leave in to come back later.
const PLACEHOLDER =
  /^(\W*|test|none|n\/?a|unknown|purpose|policy|asdf|foo|bar|x+)$|^\W*(todo|tbd|fixme|change-?_? ?me|placeholder|xxx)\b/i

const DAY_MS = 86_400_000
const MAX_REVIEW_DAYS = 366

/** D-103: an owner or a purpose that says nothing. */
export const lintPlaceholders: LintRule = ({ document: { metadata } }) => {
  const problems: Problem[] = []
  const owner = metadata.owner?.replace(/^(team|person):/, '')
  if (owner !== undefined && PLACEHOLDER.test(owner)) {
    problems.push(
      lintError(
        'placeholder',
        '/metadata/owner',
        'the owner is a placeholder',
        'name the team or person who answers for the policy',
      ),
    )
  }
  if (metadata.purpose !== undefined && PLACEHOLDER.test(metadata.purpose)) {
    problems.push(
      lintError(
        'placeholder',
        '/metadata/purpose',
        'the purpose is a placeholder',
        'say what the workload needs the grant for',
      ),
    )
  }
  return problems
}

/** D-107: a review so far away that nobody will remember the policy. An overdue one is reported for every kind when saved. */
export const lintReview: LintRule = ({ document: { metadata }, now }) => {
  const at = Date.parse(`${metadata.reviewBy}T00:00:00Z`)
  if (!(at - now.getTime() > MAX_REVIEW_DAYS * DAY_MS)) return []
  return [
    lintWarning(
      'review_far',
      '/metadata/reviewBy',
      `the next review is more than ${MAX_REVIEW_DAYS} days away`,
      'set a date within a year',
    ),
  ]
}

/** S-11: without cases nobody sees a later change that admits more than it should. */
export const lintTestsPresent: LintRule = ({ document }) => {
  const tests = document.tests ?? []
  const has = (member: string) => tests.some((test) => typeof test === 'object' && test !== null && member in test)
  if (has('allow') && has('deny')) return []
  const missing = has('allow') ? 'deny' : has('deny') ? 'allow' : 'allow and deny'
  return [
    lintWarning(
      'tests_missing',
      '/tests',
      `the policy has no ${missing} case`,
      'add `tests`: one `allow` with the claims of the workload, and a `deny: { change: ... }` for each claim that matters',
    ),
  ]
}
