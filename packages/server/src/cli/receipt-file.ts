import type { JsonValue } from '../lib/index.ts'
import type { PrivateFile } from './private-file.ts'
import { printableJson } from './terminal/index.ts'

/** Writes a receipt as one JSON document, in the form that `audit verify` takes. The escapes change no value. */
export async function writeReceipt(file: PrivateFile, receipt: JsonValue): Promise<void> {
  await file.write(`${printableJson(JSON.stringify(receipt, undefined, 2))}\n`)
}
