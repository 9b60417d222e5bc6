import { createApiClient } from '../client.ts'
import { createPrivateFile } from '../private-file.ts'
import { writeReceipt } from '../receipt-file.ts'
import { renderReceipt } from '../render-receipt.ts'
import type { CommandRun } from '../types.ts'
import { member } from '../wire.ts'

/** One receipt: readable, as the document that `audit verify` takes (`-o json`), or into a new file. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const [id = ''] = invocation.arguments
  const path = invocation.option('out-file')
  const file = path === undefined ? undefined : await createPrivateFile(path, context)
  let isWritten = false
  try {
    const client = await createApiClient(settings, context)
    const { body } = await client.json({ method: 'GET', path: `/v1/receipts/${encodeURIComponent(id)}` })
    if (file) {
      await writeReceipt(file, body)
      isWritten = true
    }
    const pending = member(body, 'state') === 'final' ? '' : ': it is pending, get it again later'
    return {
      exit: 0,
      document: body,
      text: (layout) => renderReceipt(body, { layout, now: context.now() }),
      ...(file === undefined ? {} : { notes: [`written ${file.shown}, mode 0600${pending}`] }),
    }
  } finally {
    await file?.close(isWritten)
  }
}
