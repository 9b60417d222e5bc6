import type { JsonValue } from '../lib/index.ts'
import { countFailing, renderConditions } from './render-conditions.ts'
import { displayWidth, hang, type Layout, pad, printable, renderTable, wrap } from './terminal/index.ts'
import { isObject, list, member, number, show, text } from './wire.ts'

/**
 * Why an exchange came out as it did, for a terminal: verdict, what the caller saw, each step, the nearest policy claim by claim,
 * the fixes, the other near policies, and what is known of the claims. Takes the API's JSON form of an `Explanation`.
 */
export function renderExplanation(explanation: JsonValue, layout: Layout): string {
  const allowed = text(member(explanation, 'outcome')) === 'allowed'
  const id = text(member(explanation, 'id')) ?? ''
  const lines: string[] = []
  lines.push(...headline(allowed, show(member(explanation, 'headline')), id, layout))
  lines.push(...flow(participants(explanation), '   ', layout))
  lines.push(...flow(callerSaw(explanation, allowed), '', layout))

  const steps = list(member(explanation, 'steps'))
  if (steps.length > 0) lines.push('', layout.paint('strong', 'STEPS'), ...renderSteps(steps, layout))
  const took = number(member(explanation, 'took_microseconds'))
  if (took !== undefined) lines.push(`  took ${(took / 1000).toFixed(1)} ms`)

  const [nearest, ...others] = list(member(explanation, 'policies'))
  if (nearest !== undefined) lines.push('', ...renderNearest(nearest, allowed, layout))
  const fixes = list(member(explanation, 'fixes'))
  if (fixes.length > 0) lines.push('', layout.paint('strong', fixes.length === 1 ? 'FIX' : 'FIX  one of'))
  for (const [index, fix] of fixes.entries()) {
    const mark = fixes.length === 1 ? '' : `${String.fromCharCode(65 + (index % 26))} `
    lines.push(...hang(`  ${mark}`, show(fix), layout))
  }
  if (others.length > 0) {
    lines.push('', layout.paint('strong', 'OTHERS'))
    for (const policy of others)
      lines.push(...hang('  ', `${show(member(policy, 'name'))}  ${countFailing(policy)}`, layout))
  }
  if (isObject(member(explanation, 'caller_saw')))
    lines.push('', ...renderClaims(member(explanation, 'claims'), layout))
  for (const note of list(member(explanation, 'notes'))) lines.push(...hang('note  ', show(note), layout))
  return `${lines.join('\n')}\n`
}

/** The steps of an exchange, one per line: what was done with the proof, and where it ended. */
export function renderSteps(steps: readonly JsonValue[], layout: Layout): string[] {
  const rows = steps.map((step) => {
    const outcome = text(member(step, 'outcome'))
    const word =
      outcome === 'ok'
        ? ({ text: 'ok', colour: 'good' } as const)
        : outcome === 'failed'
          ? ({ text: 'X failed', colour: 'bad' } as const)
          : ({ text: 'not reached', colour: 'faint' } as const)
    return [show(member(step, 'step')), word, text(member(step, 'detail')) ?? '']
  })
  return renderTable(undefined, rows, layout, { indent: 2, overflow: 'wrap' })
}

function headline(allowed: boolean, words: string, id: string, layout: Layout): string[] {
  const verdict = layout.paint(allowed ? 'good' : 'bad', allowed ? 'ALLOWED' : 'DENIED')
  const head = `${allowed ? 'ALLOWED' : 'DENIED'}  ${printable(words)}`
  const tail = printable(id)
  const room = layout.width === undefined ? undefined : layout.width - displayWidth(head) - displayWidth(tail) - 2
  const painted = head.replace(/^(ALLOWED|DENIED)/, verdict)
  if (tail === '') return hang(`${verdict}  `, words, layout, allowed ? 9 : 8)
  if (room === undefined) return [`${painted}  ${tail}`]
  if (room >= 0) return [`${painted}${pad('', room + 2)}${tail}`]
  return [...hang(`${verdict}  `, words, layout, 8), tail]
}

function participants(explanation: JsonValue): string[] {
  const at = text(member(explanation, 'at'))
  const parts = at === undefined ? [] : [at]
  const workload = text(member(explanation, 'workload_id'))
  if (workload !== undefined) parts.push(`workload ${workload}`)
  for (const name of ['provider', 'service']) {
    const named = member(explanation, name)
    if (isObject(named)) parts.push(`${name} ${show(named['name'])}`)
  }
  return parts
}

function callerSaw(explanation: JsonValue, allowed: boolean): string[] {
  const saw = member(explanation, 'caller_saw')
  if (!isObject(saw)) return []
  if (allowed) return [`caller saw: ${show(saw['status'])}`]
  const id = show(member(explanation, 'id'))
  return [
    `caller saw: ${show(saw['status'])} ${show(saw['error'])}, error_id ${id};`,
    'nothing else was told to the caller',
  ]
}

function renderNearest(policy: JsonValue, allowed: boolean, layout: Layout): string[] {
  const mode = text(member(policy, 'mode'))
  const title = [
    `${allowed ? 'POLICY' : 'NEAREST POLICY'} ${show(member(policy, 'name'))}`,
    `rev ${show(member(policy, 'revision'))}`,
    ...(mode === 'shadow' ? ['shadow: recorded, never effective'] : []),
    `(${countFailing(policy)})`,
  ]
  return [
    ...flow(title, '  ', layout).map((line) => layout.paint('strong', line)),
    ...renderConditions(list(member(policy, 'conditions')), layout),
  ]
}

function renderClaims(claims: JsonValue | undefined, layout: Layout): string[] {
  if (!isObject(claims)) return hang('CLAIMS  ', 'not kept (retention), or never verified', layout)
  const count = Object.keys(claims).length
  return hang('CLAIMS  ', `${count} kept; see them with -o json. The token and its signature are not kept`, layout)
}

// Parts on one line while they fit, each part whole.
function flow(parts: readonly string[], gap: string, layout: Layout): string[] {
  const separator = gap === '' ? ' ' : gap
  const lines: string[] = []
  let line = ''
  for (const part of parts.map(printable)) {
    const joined = line === '' ? part : `${line}${separator}${part}`
    if (layout.width !== undefined && line !== '' && displayWidth(joined) > layout.width) {
      lines.push(line)
      line = part
    } else line = joined
  }
  if (line !== '') lines.push(line)
  return layout.width === undefined ? lines : lines.flatMap((text) => wrap(text, layout.width ?? 80))
}
