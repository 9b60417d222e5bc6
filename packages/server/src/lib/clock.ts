/** The current time, injected wherever time matters so that tests own the clock. */
export type Now = () => Date

/** The process's wall clock. */
export const systemNow: Now = () => new Date()

/** Whole seconds since the epoch: a JWT NumericDate (RFC 7519 section 2). */
export function toNumericDate(instant: Date): number {
  return Math.floor(instant.getTime() / 1000)
}
