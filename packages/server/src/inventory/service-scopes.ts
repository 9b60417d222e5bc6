import type { Service } from './types.ts'

/**
 * A service with the scopes that it has for each other service by name: the management API has `verify:NAME` for every service NAME.
 * They only read. Any other service comes back as the same object.
 */
export function withServiceScopes(service: Service, others: Iterable<{ readonly name: string }>): Service {
  const { scopePrefix } = service
  if (scopePrefix === undefined) return service
  const perService = [...others]
    .filter(({ name }) => name !== service.name)
    .map(({ name }) => `${scopePrefix}:${name}`)
    .sort()
  const own = (scopes: readonly string[]) => scopes.filter((scope) => !scope.startsWith(`${scopePrefix}:`))
  return {
    ...service,
    scopes: [...own(service.scopes), ...perService],
    readScopes: [...own(service.readScopes), ...perService],
  }
}
