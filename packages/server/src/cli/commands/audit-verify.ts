import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { JsonValue } from '../../lib/index.ts'
import { EXITS } from '../exits.ts'
import { cliFault } from '../faults.ts'
import { readReceiptOrExport } from '../receipt-or-export.ts'
import { type Layout, printable } from '../terminal/index.ts'
import type { CliContext, CommandRun } from '../types.ts'
import { receiptResult } from '../verify-receipt.ts'

const SHOWN = 10

/** Verifies an export or a receipt offline. The last line says what the verdict rests on: keys from elsewhere, or the export's own word. */
export const run: CommandRun = async (invocation) => {
  const {
    arguments: [path = ''],
    context,
  } = invocation
  const keyFile = invocation.option('key-file')
  const checkpointFile = invocation.option('checkpoint-file')
  const keys =
    keyFile === undefined ? undefined : (await readNamed(keyFile, context)).split('\n').map((line) => line.trim())
  const trustedKeys = keys?.filter((line) => line !== '')
  if (trustedKeys?.length === 0) {
    throw cliFault('input_invalid', `${keyFile} holds no key`, { fix: 'give a file with one verifier key per line' })
  }
  const expected = checkpointFile === undefined ? undefined : await readNamed(checkpointFile, context)
  const { looksLikeReceipt, readExportLines, verifyExport, verifyReceipt } = await context.modules.audit()
  const found = await readReceiptOrExport(await openExport(path, context), looksLikeReceipt)
  if ('receipt' in found) {
    if (expected !== undefined) {
      throw cliFault('usage', '--checkpoint-file is for exports', { fix: 'a receipt brings its own checkpoint' })
    }
    const shown = JSON.parse(Buffer.from(found.receipt).toString('utf8')) as JsonValue
    return receiptResult(verifyReceipt({ receipt: found.receipt, trustedKeys }), shown, context.now())
  }
  const verdict = await verifyExport(readExportLines(found.lines), {
    ...(trustedKeys === undefined ? {} : { trustedKeys }),
    ...(expected === undefined ? {} : { expected }),
  })
  const faults = verdict.faults.length + verdict.furtherFaults
  return {
    exit: verdict.ok ? EXITS.yes : EXITS.no,
    document: {
      ok: verdict.ok,
      origin: verdict.origin ?? null,
      events: verdict.events,
      checkpoints: verdict.checkpoints,
      vouched: verdict.vouched,
      keys: verdict.keys,
      first_bad: verdict.firstBad ?? null,
      faults: verdict.faults.map((fault) => ({ ...fault })),
      further_faults: verdict.furtherFaults,
    },
    text: (layout) => renderVerdict(verdict, faults, layout),
  }
}

type Verdict = Awaited<ReturnType<Awaited<ReturnType<CliContext['modules']['audit']>>['verifyExport']>>

function renderVerdict(verdict: Verdict, faults: number, layout: Layout): string {
  const counts = `${count(verdict.events, 'event')}, ${count(verdict.checkpoints, 'checkpoint')}, ${count(faults, 'fault')}`
  const lines = [
    `${verdict.ok ? layout.paint('good', 'VERIFIED') : layout.paint('bad', 'NOT VERIFIED')}  ${counts}   (offline)`,
  ]
  if (verdict.origin !== undefined) lines.push(`log ${printable(verdict.origin)}`)
  if (verdict.firstBad !== undefined) lines.push(`first bad entry: ${verdict.firstBad}`)
  for (const fault of verdict.faults.slice(0, SHOWN)) {
    lines.push(`  line ${fault.line}  ${fault.kind}: ${printable(fault.detail)}`)
  }
  if (faults > SHOWN) lines.push(`  and ${faults - SHOWN} more; see -o json`)
  lines.push(
    verdict.keys === 'pinned'
      ? 'signatures checked with the keys of --key-file'
      : 'signatures checked with the keys in the export itself: consistent in itself, --key-file rules out another log',
  )
  return lines.join('\n')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

async function readNamed(path: string, context: CliContext): Promise<string> {
  return await readFile(resolve(context.cwd, path), 'utf8').catch((error: unknown) => unreadable(path, error))
}

async function openExport(path: string, context: CliContext): Promise<AsyncIterable<Uint8Array>> {
  if (path === '-') return bytesOf(context.stdin)
  const absolute = resolve(context.cwd, path)
  // Opened first, so that a missing file is a wrong argument and not an export that does not verify.
  const handle = await open(absolute, 'r').catch((error: unknown) => unreadable(path, error))
  const isFile = (await handle.stat()).isFile()
  await handle.close()
  if (!isFile) throw cliFault('input_unreadable', `${path} is no file`)
  return createReadStream(absolute)
}

async function* bytesOf(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}

function unreadable(path: string, error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  throw cliFault('input_unreadable', `${path} cannot be read (${code})`)
}
