/**
 * The guided first run: starts the service, emulated issuers and a demo API on loopback, and shows the main job with the real
 * command line. `stage.ts` sets everything up, `steps.ts` is what happens, `transcript.ts` writes it, `issuers/` are real OIDC servers.
 * Each step runs the command that it shows and insists on its result. No credential is ever printed.
 */
import { relative } from 'node:path'
import process from 'node:process'
import { VERSION } from '../version.ts'
import { type Stage, setStage } from './stage.ts'
import { type Memory, STEPS, StepFailed } from './steps.ts'
import { createTranscript } from './transcript.ts'

/** How to run the quickstart. */
export interface QuickstartOptions {
  readonly output: 'text' | 'json'
  /** Leave everything running until interrupted. */
  readonly keep: boolean
  /** Only the exit code, and the reason of a failure. */
  readonly check: boolean
  /** Where its files go. */
  readonly directory: string
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  readonly signal: AbortSignal
}

/** Runs all steps. Resolves to the exit code: 0, or 1 when a step did not come out as it must, or 130 when interrupted. */
export async function runQuickstart(options: QuickstartOptions): Promise<number> {
  const { directory, keep, signal } = options
  const transcript = createTranscript({
    output: options.output,
    quiet: options.check,
    total: STEPS.length,
    write: (text) => options.stdout.write(text),
  })
  const shown = relative(process.cwd(), directory) || directory
  const startedAt = performance.now()
  transcript.opening(
    `countersign quickstart ${VERSION}   node ${process.versions.node}   nothing leaves this machine   files: ${shown}`,
  )
  let stage: Stage | undefined
  let number = 1
  try {
    const memory: Memory = {}
    let stepStartedAt = startedAt
    stage = await setStage(directory)
    for (const step of STEPS) {
      const record = await step.run(stage, memory, signal)
      transcript.step(number, record, (performance.now() - stepStartedAt) / 1000)
      stepStartedAt = performance.now()
      number += 1
    }
    transcript.closing([
      `DONE in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.  Secrets stored by the workloads: 0.`,
      keep
        ? 'Everything is still running: paste the commands above. Ctrl-C stops it.'
        : 'Next: `npm run quickstart -- --keep` leaves it running, so that the commands above can be pasted.',
      `      README, "Your own GitHub organisation and cluster".  Remove everything: rm -r ${shown}`,
    ])
    if (keep) await untilAborted(signal)
    return 0
  } catch (error) {
    if (signal.aborted) return 130
    const title = STEPS[number - 1]?.title ?? 'Start'
    const fix = error instanceof StepFailed ? error.fix : 'remove the directory and run it again'
    transcript.failed(number, title, error instanceof Error ? error.message : String(error), fix)
    return 1
  } finally {
    await stage?.close()
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
