import { ServiceError } from '../../errors.ts'
import type { HttpContext } from '../context.ts'

/**
 * Refuses an unsafe request that a browser sends on behalf of another site (W-04): by Sec-Fetch-Site where the browser says it,
 * and by Origin, which must be one of ours whenever there is one. Programs that are no browser send neither.
 * @throws ServiceError cross_site_refused
 */
export function refuseCrossSite(c: HttpContext, ownOrigins: ReadonlySet<string>): void {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new ServiceError('cross_site_refused')
  const origin = c.req.header('origin')
  if (origin !== undefined && !ownOrigins.has(origin)) throw new ServiceError('cross_site_refused')
}
