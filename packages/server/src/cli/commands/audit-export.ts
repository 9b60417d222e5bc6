import { EventEmitter, once } from 'node:events'
import { createApiClient } from '../client.ts'
import { createPrivateFile, type PrivateFile } from '../private-file.ts'
import { type Answer, describeBreak } from '../transport.ts'
import type { CliContext, CommandRun, TextSink } from '../types.ts'

/** Copies the log's export to stdout or to a new file. A file that could not be completed is removed. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const path = invocation.option('out-file')
  // Made first: a file that exists must not be noticed only when the server has begun to answer.
  const file = path === undefined ? undefined : await createPrivateFile(path, context)
  let complete = false
  try {
    const client = await createApiClient(settings, context)
    const answer = await client.stream({
      method: 'GET',
      path: '/v1/audit/export',
      headers: { accept: 'application/jsonl' },
    })
    await copy(answer, file, context)
    complete = true
  } finally {
    await file?.close(complete)
  }
  if (file && !settings.quiet) context.stderr.write(`written ${file.shown}, mode 0600\n`)
  return { exit: 0, streamed: true }
}

// Each line is canonical JSON that is verified byte by byte: nothing may be escaped or changed on the way.
async function copy(answer: Answer, file: PrivateFile | undefined, context: CliContext): Promise<void> {
  const decoder = new TextDecoder()
  const chunks = answer.body[Symbol.asyncIterator]()
  for (;;) {
    const chunk = await chunks.next().catch((error: unknown) => {
      throw describeBreak(error)
    })
    if (chunk.done) return
    if (file) await file.write(chunk.value)
    else await drained(context.stdout.write(decoder.decode(chunk.value, { stream: true })), context.stdout)
  }
}

// A slow reader of the pipe must not make us hold the whole export.
async function drained(accepted: unknown, sink: TextSink): Promise<void> {
  if (accepted === false && sink instanceof EventEmitter) await once(sink, 'drain')
}
