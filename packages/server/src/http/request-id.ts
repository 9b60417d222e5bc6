import { type Now, newId } from '../lib/index.ts'

// Long enough for the usual proxies' ids (UUID, 32 hex), too short for a token, and nothing that a header or a log line could break on.
const WELL_FORMED = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/

/**
 * The id under which a request is answered and logged: the caller's `X-Request-Id` when it is well formed (8 to 64 of letters,
 * digits, `.`, `_`, `-`), else a new `req_` id. It is for correlation only and never decides anything.
 */
export function requestIdOf(offered: string | undefined, now: Now): string {
  return offered !== undefined && WELL_FORMED.test(offered) ? offered : newId('req', now())
}
