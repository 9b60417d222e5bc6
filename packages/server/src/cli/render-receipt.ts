import type { JsonValue } from '../lib/index.ts'
import { type Cell, type Layout, printable, renderFields, renderTable } from './terminal/index.ts'
import { entry, list, member, number, show, text } from './wire.ts'

const WHY: Readonly<Record<string, string>> = {
  followers: 'its verifiers follow revocations',
  no_followers: 'no verifier of it follows: a token passes until it expires',
  last_known_good: 'its verifiers go on without a lease: a token may pass until it expires',
  server: 'this API refuses once it has read the revocation',
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  no_followers: 'let its verifiers follow (@countersign/sdk/follow, scope verify:NAME), or have them introspect',
  last_known_good: 'set `verification.onUnavailable: deny` of the service',
}

const WAITS: Readonly<Record<string, string>> = {
  followers: 'verifiers that have not confirmed yet, or the end of their leases',
  sealing: 'the audit log to be sealed',
  log_refused: 'the audit log, which refuses to be sealed: see `countersign doctor`',
}

/** How many followers have confirmed, of how many. */
export function countConfirmed(receipt: JsonValue, service?: string): { confirmed: number; of: number } {
  const followers = list(member(receipt, 'followers')).filter(
    (follower) => service === undefined || text(member(follower, 'service')) === service,
  )
  return {
    confirmed: followers.filter((follower) => member(follower, 'confirmed_at') !== null).length,
    of: followers.length,
  }
}

/** A receipt as a person reads it: what ended and since when, when it is effective everywhere, who may still accept, and what to do. */
export function renderReceipt(
  receipt: JsonValue,
  { layout, now, verified = false }: { layout: Layout; now: Date; verified?: boolean },
): string {
  const committedAt = instantOf(receipt, 'committed_at')
  const effectiveAt = instantOf(receipt, 'effective_everywhere_at')
  const state = text(member(receipt, 'state'))
  const id = show(member(receipt, 'id'))
  const { confirmed, of } = countConfirmed(receipt)
  const fields: [string, Cell | undefined][] = [
    ['revoked', { text: `${kindOf(receipt)} ${show(member(receipt, 'value'))}`, colour: 'strong' }],
    ['since', `${show(member(receipt, 'committed_at'))}   revision ${show(member(receipt, 'revision'))}`],
    ['reason', `${show(member(receipt, 'reason'))}   by ${show(member(receipt, 'actor'))}`],
    ['followers', of === 0 ? 'none' : `${confirmed} of ${of} confirmed`],
    ['effective', effective(committedAt, effectiveAt, now)],
    [
      'receipt',
      state === 'final'
        ? { text: `${id}   final, sealed in the audit log`, colour: 'good' }
        : { text: `${id}   pending: waits for ${waitsFor(receipt)}`, colour: 'caution' },
    ],
  ]
  const lines = renderFields(fields, layout)
  const services = list(member(receipt, 'services'))
  if (services.length > 0) {
    const rows = services.map((service) => serviceRow(receipt, service, now))
    lines.push(
      '',
      ...renderTable(['SERVICE', 'FOLLOWERS', 'MAY ACCEPT UNTIL', 'WHY'], rows, layout, { overflow: 'wrap' }),
    )
  }
  lines.push(...todo(services, now))
  if (!verified) lines.push('', ...verifyLines(id, state === 'final'))
  return lines.join('\n')
}

function kindOf(receipt: JsonValue): string {
  return (text(member(receipt, 'kind')) ?? '?').replaceAll('_', '-')
}

function waitsFor(receipt: JsonValue): string {
  return entry(WAITS, text(member(receipt, 'waiting_for'))) ?? 'the server'
}

function effective(committedAt: Date | undefined, effectiveAt: Date | undefined, now: Date): string {
  if (committedAt === undefined || effectiveAt === undefined) return '-'
  const after = `${spell(effectiveAt.getTime() - committedAt.getTime())} after the revocation`
  const left = effectiveAt.getTime() - now.getTime()
  return `everywhere ${left > 0 ? `in ${spell(left)}, ` : 'since '}${effectiveAt.toISOString()}   ${after}`
}

function serviceRow(receipt: JsonValue, service: JsonValue, now: Date): Cell[] {
  const { confirmed, of } = countConfirmed(receipt, text(member(service, 'id')))
  const named = number(member(service, 'followers')) ?? of
  const until = instantOf(service, 'may_accept_until')
  const why = text(member(service, 'why'))
  const left = until === undefined ? 0 : until.getTime() - now.getTime()
  const lacking =
    why === 'followers' && confirmed < of ? `; ${of - confirmed} without confirmation, bounded by their leases` : ''
  return [
    show(member(service, 'name')),
    of === 0 ? String(named) : `${confirmed} of ${of}`,
    until === undefined
      ? { text: 'accepts nothing of it', colour: 'good' }
      : left > 0
        ? { text: `${until.toISOString()} (in ${spell(left)})`, colour: 'caution' }
        : { text: `${until.toISOString()} (over)`, colour: 'good' },
    until === undefined ? '-' : `${entry(WHY, why) ?? show(why ?? null)}${lacking}`,
  ]
}

/** One line per way out, with the services that it is for; only while they may still accept. */
function todo(services: readonly JsonValue[], now: Date): string[] {
  const open = services.filter((service) => (instantOf(service, 'may_accept_until')?.getTime() ?? 0) > now.getTime())
  return Object.entries(WAYS_OUT).flatMap(([why, way]) => {
    const names = open
      .filter((service) => member(service, 'why') === why)
      .map((service) => show(member(service, 'name')))
    if (names.length === 0) return []
    const shown = names.slice(0, 5).join(', ')
    return [printable(`for ${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''}: ${way}`)]
  })
}

function verifyLines(id: string, isFinal: boolean): string[] {
  const file = `${id}.json`
  const get = `countersign receipts get ${id} --out-file ${file}`
  return isFinal
    ? [printable(`verify: ${get}`), printable(`        countersign audit verify ${file} --key-file KEYS   (offline)`)]
    : [printable(`later: ${get}`)]
}

function instantOf(value: JsonValue, name: string): Date | undefined {
  const date = new Date(text(member(value, name)) ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** A length of time for people: two significant units at most. */
export function spell(durationMs: number): string {
  const ms = Math.max(0, Math.round(durationMs))
  if (ms < 1000) return `${ms} ms`
  const seconds = Math.round(ms / 1000)
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (seconds < 120) return `${seconds} s`
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours === 0 ? `${minutes} min ${seconds % 60} s` : `${hours} h ${minutes} min`
}
