import { parseDurationMs } from '../lib/index.ts'
import type { Resource } from '../resources/index.ts'
import { type ServiceSpec, serviceKind } from './service-kind.ts'
import type { Service } from './types.ts'

/**
 * Compiles a stored Service. The stored text is parsed again, so that a row which is not a valid Service never becomes one.
 * @throws TypeError when it is not; the caller leaves it out and reports it (T36: unparsable means deny, loudly).
 */
export function compileService(resource: Resource): Service {
  const { document } = resource
  const parsed = serviceKind.spec.safeParse(document.spec)
  const { environment, name } = document.metadata
  if (document.kind !== 'Service' || !parsed.success || environment === undefined) {
    throw new TypeError(`${resource.id} is not a valid Service`)
  }
  const spec: ServiceSpec = parsed.data
  const maxStaleMs = parseDurationMs(spec.verification.maxStale)
  if (maxStaleMs === undefined) throw new TypeError(`${resource.id} is not a valid Service`)
  return {
    id: resource.id,
    name,
    revision: resource.revision,
    enabled: resource.enabled,
    environment,
    audience: spec.audience,
    scopes: spec.scopes,
    readScopes: spec.readScopes ?? spec.scopes.filter((scope) => scope.endsWith(':read')),
    ...(spec.signingAlgorithm ? { signingAlgorithm: spec.signingAlgorithm } : {}),
    verification: { maxStaleSeconds: maxStaleMs / 1000, onUnavailable: spec.verification.onUnavailable },
  }
}
