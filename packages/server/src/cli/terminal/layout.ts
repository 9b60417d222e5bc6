import type { TextSink } from '../types.ts'

/** How wide text may be and whether it may be coloured. Off a terminal: unbounded and plain. */
export interface Layout {
  /** Columns of the terminal; undefined when the output is no terminal, where nothing is truncated or wrapped. */
  readonly width: number | undefined
  readonly wide: boolean
  paint(colour: Colour, text: string): string
}

/** What a colour says; a word always says it too. */
export type Colour = 'good' | 'bad' | 'caution' | 'strong' | 'faint'

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  good: [32, 39],
  bad: [31, 39],
  caution: [33, 39],
  strong: [1, 22],
  faint: [2, 22],
}

/** The layout for a stream: colour and width only where a terminal is at the other end. */
export function createLayout(sink: TextSink, options: { colour: boolean; wide: boolean }): Layout {
  const terminal = sink.isTTY === true
  return {
    width: terminal ? Math.max(20, sink.columns ?? 80) : undefined,
    wide: options.wide,
    paint(colour, text) {
      if (!terminal || !options.colour || text === '') return text
      const [on, off] = CODES[colour]
      return `\u001b[${on}m${text}\u001b[${off}m`
    },
  }
}
