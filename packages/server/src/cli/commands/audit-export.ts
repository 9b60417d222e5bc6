import { EventEmitter, once } from 'node:events'
import { createApiClient } from '../client.ts'
import { cliFault } from '../faults.ts'
import { createPrivateFile } from '../private-file.ts'
import type { CommandRun, TextSink } from '../types.ts'

/** Copies the log's export to stdout or to a new file. A file that could not be completed is removed. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const path = invocation.option('out-file')
  const client = await createApiClient(settings, context)
  const answer = await client.stream({
    method: 'GET',
    path: '/v1/audit/export',
    headers: { accept: 'application/jsonl' },
  })
  const file = path === undefined ? undefined : await createPrivateFile(path, context)
  let complete = false
  try {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body) {
      if (file) await file.write(chunk)
      // Each line is canonical JSON, verified byte by byte: nothing may be escaped or changed here.
      else await drained(context.stdout.write(decoder.decode(chunk, { stream: true })), context.stdout)
    }
    complete = true
  } catch (error) {
    throw cliFault('unreachable', 'the export broke off', {
      fix: 'run it again; what was written is not complete',
      cause: error,
    })
  } finally {
    await file?.close(complete)
  }
  if (file && !settings.quiet) context.stderr.write(`written ${file.shown}, mode 0600\n`)
  return { exit: 0, streamed: true }
}

// A slow reader of the pipe must not make us hold the whole export.
async function drained(accepted: unknown, sink: TextSink): Promise<void> {
  if (accepted === false && sink instanceof EventEmitter) await once(sink, 'drain')
}
