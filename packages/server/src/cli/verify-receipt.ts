import type { JsonValue } from '../lib/index.ts'
import { EXITS } from './exits.ts'
import type { ReceiptVerdict } from './modules.ts'
import { renderReceipt } from './render-receipt.ts'
import { type Cell, type Layout, printable, renderTable } from './terminal/index.ts'
import type { CommandResult } from './types.ts'

/** The verdict on a receipt: every check by its name, then what the receipt states, but only if all of it is to be believed. */
export function receiptResult(verdict: ReceiptVerdict, receipt: JsonValue, now: Date): CommandResult {
  const faults = verdict.checks.filter((check) => check.outcome === 'failed')
  return {
    exit: verdict.ok ? EXITS.yes : EXITS.no,
    document: {
      ok: verdict.ok,
      receipt: verdict.facts?.id ?? null,
      origin: verdict.origin ?? null,
      size: verdict.size === undefined ? null : String(verdict.size),
      keys: verdict.keys,
      checks: verdict.checks.map((check) => ({ ...check })),
    },
    text(layout) {
      const count = `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`
      const lines = [
        `${verdict.ok ? layout.paint('good', 'VERIFIED') : layout.paint('bad', 'NOT VERIFIED')}  receipt, ${count}   (offline)`,
      ]
      if (verdict.origin !== undefined) {
        const size = verdict.size === undefined ? '' : `, checkpoint of ${verdict.size} entries`
        lines.push(printable(`log ${verdict.origin}${size}`))
      }
      lines.push(...renderChecks(verdict, layout))
      lines.push(
        verdict.keys === 'pinned'
          ? 'signatures checked with the keys of --key-file'
          : 'signatures checked with the keys in the receipt itself: consistent in itself, --key-file rules out another log',
      )
      if (verdict.ok) lines.push('', renderReceipt(receipt, { layout, now, verified: true }))
      return lines.join('\n')
    },
  }
}

function renderChecks(verdict: ReceiptVerdict, layout: Layout): string[] {
  const rows = verdict.checks.map(({ name, outcome, detail }): Cell[] => [
    { text: outcome.replaceAll('_', ' '), colour: outcome === 'ok' ? 'good' : outcome === 'failed' ? 'bad' : 'faint' },
    name.replaceAll('_', ' '),
    detail,
  ])
  return renderTable(undefined, rows, layout, { indent: 2, overflow: 'wrap' })
}
