const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a duration such as `30s`, `15m`, `90d` into milliseconds.
 * @returns undefined when the text is not exactly a positive whole number and one unit of ms, s, m, h, d.
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(text)
  if (!match) return undefined
  return Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0)
}

/** Writes whole milliseconds in the largest unit that loses nothing: 900000 becomes `15m`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = UNIT_MS[unit] ?? 1
    if (durationMs >= size && durationMs % size === 0) return `${durationMs / size}${unit}`
  }
  return `${durationMs}ms`
}
