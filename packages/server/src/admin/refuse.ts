import { type ErrorCode, ServiceError } from '../errors.ts'
import { KINDS } from './kinds.ts'
import type { Step } from './plan.ts'
import type { Actor, Plan } from './types.ts'

/**
 * Refuses a plan that the actor may not carry out, for the first reason that applies; all faults are in `problems`.
 * @throws ServiceError forbidden, escalation_refused, validation_failed, conflict, policy_tests_failed, widening_refused
 */
export function refusePlan(
  plan: Plan,
  steps: readonly Step[],
  { actor, allowWidening, gate }: { actor: Actor; allowWidening: string | undefined; gate: boolean },
): void {
  // W-06: a set may hold several kinds; each takes its own scope, whatever route it came through.
  const lacking = new Set<string>()
  for (const { change } of steps) {
    const plural = KINDS.find((kind) => kind.kind === change.kind)?.plural
    const scope = `${plural}:write`
    if (plural === undefined || (actor.kind !== 'local-socket' && !actor.scopes.has(scope))) lacking.add(scope)
  }
  if (lacking.size > 0) throw new ServiceError('forbidden', { detail: `it takes ${[...lacking].join(', ')}` })

  const errors = plan.problems.filter(({ severity }) => severity === 'error')
  const escalates = errors.some(({ code }) => code.startsWith('escalation_'))
  if (errors.length > 0) {
    const code: ErrorCode = escalates
      ? 'escalation_refused'
      : errors.every((problem) => problem.code === 'referenced')
        ? 'conflict'
        : errors.every((problem) => problem.code === 'policy_test_failed')
          ? 'policy_tests_failed'
          : 'validation_failed'
    const shown = escalates ? errors.filter((problem) => problem.code.startsWith('escalation_')) : errors
    throw new ServiceError(code, {
      detail: shown
        .map((problem) => `${problem.document}: ${problem.detail}`)
        .join('; ')
        .slice(0, 2000),
      problems: shown.map(({ document, pointer, code: problem, detail, fix }) => ({
        pointer,
        code: problem,
        detail: `${document}: ${detail}`,
        fix,
      })),
    })
  }
  if (gate && plan.widens && allowWidening !== plan.hash) {
    const widening = plan.changes.filter(({ effect }) => effect === 'widens' || effect === 'widens_and_narrows')
    const names = widening.map(({ kind, name, reasons }) => `${kind}/${name} (${reasons.join('; ')})`)
    const stale = allowWidening === undefined ? '' : ' (the given hash names another plan; something has changed since)'
    throw new ServiceError('widening_refused', { detail: `${names.join(', ').slice(0, 2000)}${stale}` })
  }
}
