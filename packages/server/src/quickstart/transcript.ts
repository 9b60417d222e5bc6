import type { JsonObject } from '../lib/index.ts'

/** A command that a step ran and what of it is shown. */
export interface ShownCommand {
  /** The line as a reader can paste it. */
  readonly line: string
  readonly exit: number
  /** Lines of its output that are shown. */
  readonly output: readonly string[]
}

/** What one step has done. */
export interface StepRecord {
  readonly title: string
  readonly facts: JsonObject
  readonly lines: readonly string[]
  readonly commands: readonly ShownCommand[]
}

/** Where a transcript is written. */
export interface TranscriptOptions {
  readonly output: 'text' | 'json'
  readonly quiet: boolean
  readonly total: number
  readonly write: (text: string) => void
}

/** Writes steps as they end: text for people, or one JSON record per step. */
export interface Transcript {
  opening(line: string): void
  step(number: number, record: StepRecord, seconds: number): void
  failed(number: number, title: string, problem: string, fix: string): void
  closing(lines: readonly string[]): void
}

const WIDTH = 100

/** A transcript over a sink. */
export function createTranscript({ output, quiet, total, write }: TranscriptOptions): Transcript {
  const text = (lines: readonly string[]) => {
    if (output === 'text' && !quiet) write(`${lines.join('\n')}\n`)
  }
  const json = (record: object) => {
    if (output === 'json' && !quiet) write(`${JSON.stringify(record)}\n`)
  }
  const head = (number: number, title: string, seconds: number) => {
    const left = `[${number}/${total}] ${title}`
    return `${left}${`${seconds.toFixed(1)} s`.padStart(Math.max(2, WIDTH - left.length))}`
  }
  return {
    opening: (line) => text([line, '']),
    step(number, { title, facts, lines, commands }, seconds) {
      const shown = commands.flatMap(({ line, exit, output: printed }) => [
        `  $ ${line}`,
        ...printed.map((row) => `    ${row}`.trimEnd()),
        ...(exit === 0 ? [] : [`    exit ${exit}`]),
      ])
      text([head(number, title, seconds), ...lines.map((line) => `  ${line}`), ...shown, ''])
      json({
        step: number,
        title,
        ok: true,
        seconds: Math.round(seconds * 1000) / 1000,
        facts,
        commands: commands.map(({ line, exit }) => ({ line, exit })),
      })
    },
    failed(number, title, problem, fix) {
      // Also with --check: a failure without its reason helps nobody.
      if (output === 'json') write(`${JSON.stringify({ step: number, title, ok: false, problem, fix })}\n`)
      else write(`[${number}/${total}] ${title}   FAILED\n  ${problem}\n  fix: ${fix}\n`)
    },
    closing: (lines) => text(lines),
  }
}
