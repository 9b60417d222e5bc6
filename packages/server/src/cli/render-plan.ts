import type { JsonValue } from '../lib/index.ts'
import type { LocatedDocument } from './documents.ts'
import { hang, type Layout, printable } from './terminal/index.ts'
import { entry, list, member, show, text } from './wire.ts'

const SIGNS: Readonly<Record<string, readonly [string, 'good' | 'bad' | 'caution']>> = {
  create: ['+', 'good'],
  update: ['~', 'caution'],
  delete: ['-', 'bad'],
}

/** The changes of a plan that change something. */
export function realChanges(plan: JsonValue): readonly JsonValue[] {
  return list(member(plan, 'changes')).filter((change) => text(member(change, 'action')) !== 'none')
}

/** Everything that is wrong with a plan's documents: of the set and of each change, each once. */
export function planProblems(plan: JsonValue): readonly JsonValue[] {
  const found = new Map<string, JsonValue>()
  for (const problem of list(member(plan, 'problems'))) found.set(problemKey(problem), problem)
  for (const change of list(member(plan, 'changes'))) {
    const document = `${show(member(change, 'kind'))}/${show(member(change, 'name'))}`
    for (const problem of list(member(change, 'problems'))) {
      const named = { document, ...(problem as Record<string, JsonValue>) }
      if (!found.has(problemKey(named))) found.set(problemKey(named), named)
    }
  }
  return [...found.values()]
}

function problemKey(problem: JsonValue): string {
  return JSON.stringify(['document', 'code', 'pointer', 'detail'].map((name) => member(problem, name) ?? null))
}

/** Whether any problem refuses the documents. */
export function hasErrors(problems: readonly JsonValue[]): boolean {
  return problems.some((problem) => text(member(problem, 'severity')) === 'error')
}

/** What a plan would do, change by change, and what that admits; ends with the consent that a widening needs. */
export function renderPlan(
  plan: JsonValue,
  layout: Layout,
  options: { documents: readonly LocatedDocument[]; applyLine?: string | undefined },
): string {
  const changes = realChanges(plan)
  const problems = planProblems(plan)
  const lines = changes.flatMap((change) => [...renderChange(change, layout), ''])
  if (problems.length > 0) lines.push(...renderProblems(problems, options.documents, layout), '')
  lines.push(summary(plan, changes))
  if (member(plan, 'widens') === true && options.applyLine !== undefined && !hasErrors(problems)) {
    lines.push(
      ...hang('', 'This admits more than before. To consent to exactly this change:', layout).map((line) =>
        layout.paint('caution', line),
      ),
      `  ${printable(options.applyLine)} --allow-widening ${show(member(plan, 'hash'))}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function summary(plan: JsonValue, changes: readonly JsonValue[]): string {
  if (changes.length === 0) return 'no differences'
  const count = (action: string) => changes.filter((change) => text(member(change, 'action')) === action).length
  const unchanged = list(member(plan, 'changes')).length - changes.length
  return `${count('create')} to create, ${count('update')} to update, ${count('delete')} to delete, ${unchanged} unchanged`
}

function renderChange(change: JsonValue, layout: Layout): string[] {
  const [sign, colour] = entry(SIGNS, show(member(change, 'action'))) ?? ['?', 'caution']
  const effect = show(member(change, 'effect')).replaceAll('_', ' ')
  const title = `${sign} ${show(member(change, 'action'))} ${show(member(change, 'kind'))} ${show(member(change, 'name'))}`
  const lines = [`${layout.paint(colour, printable(title))}${effect === 'none' ? '' : `  ${printable(effect)}`}`]
  for (const difference of list(member(change, 'differences'))) {
    const before = text(member(difference, 'before')) ?? '(absent)'
    const after = text(member(difference, 'after')) ?? '(absent)'
    lines.push(...hang('    ', `${show(member(difference, 'pointer')) || '(document)'}  ${before} -> ${after}`, layout))
  }
  for (const reason of list(member(change, 'reasons'))) lines.push(...hang('    ', show(reason), layout))
  return lines
}

/** Problems with their place in the file where it is known, and the fix of each. */
export function renderProblems(
  problems: readonly JsonValue[],
  documents: readonly LocatedDocument[],
  layout: Layout,
): string[] {
  return problems.flatMap((problem) => {
    const severity = show(member(problem, 'severity'))
    const label = text(member(problem, 'document')) ?? ''
    const pointer = text(member(problem, 'pointer')) ?? ''
    const place = documents.find((document) => document.label === label)?.locate(pointer)
    const where = [place, label, pointer].filter((part) => part !== undefined && part !== '').join(' ')
    return [
      ...hang(
        `${layout.paint(severity === 'error' ? 'bad' : 'caution', printable(severity))}  `,
        where,
        layout,
        severity.length + 2,
      ),
      ...hang('    ', `${show(member(problem, 'detail'))} (${show(member(problem, 'code'))})`, layout),
      ...hang('    fix: ', show(member(problem, 'fix')), layout),
    ]
  })
}
