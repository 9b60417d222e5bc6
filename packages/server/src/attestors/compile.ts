import { ServiceError } from '../errors.ts'
import { type JsonObject, parseDurationMs } from '../lib/index.ts'
import type { Resource } from '../resources/index.ts'
import { lintTrustProvider } from './lint.ts'
import { findPreset } from './presets/index.ts'
import { type TrustProviderSpec, trustProviderSpec } from './schema.ts'
import type { Freshness, KeySource, Preset, TrustProvider } from './types.ts'

function keySource(keys: TrustProviderSpec['keys']): KeySource {
  if (keys === undefined || 'discovery' in keys) return { from: 'discovery' }
  if ('jwksUri' in keys) return { from: 'jwksUri', uri: keys.jwksUri }
  if ('jwksFile' in keys) return { from: 'file', path: keys.jwksFile }
  return { from: 'inline', jwks: keys.jwks as JsonObject }
}

function seconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : Math.floor((parseDurationMs(duration) ?? 0) / 1000)
}

function smaller(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined) return right
  return right === undefined ? left : Math.min(left, right)
}

// The stricter of preset and provider, member by member: a provider may only lower (design section 5).
function lowered(preset: Preset, spec: TrustProviderSpec): Freshness {
  const maxUses = smaller(preset.freshness.maxUses, preset.freshness.class === 'cached' ? undefined : spec.maxUses)
  const usesPerMinute = smaller(
    preset.freshness.usesPerMinute,
    preset.freshness.class === 'cached' ? spec.usesPerMinute : undefined,
  )
  const maxProofAgeSeconds = smaller(preset.freshness.maxProofAgeSeconds, seconds(spec.maxProofAge))
  return {
    class: preset.freshness.class,
    ...(maxUses === undefined ? {} : { maxUses }),
    ...(usesPerMinute === undefined ? {} : { usesPerMinute }),
    ...(maxProofAgeSeconds === undefined ? {} : { maxProofAgeSeconds }),
    maxLifetimeSeconds: preset.freshness.maxLifetimeSeconds,
  }
}

/**
 * The checked provider that attestors work with. What the lint refuses does not compile, also when it is already stored: a provider
 * open to strangers must not come back through an older version's data.
 * @throws ServiceError validation_failed with one problem per fault
 */
export function compileTrustProvider(resource: Resource): TrustProvider {
  const parsed = trustProviderSpec.safeParse(resource.document.spec)
  if (!parsed.success) {
    throw new ServiceError('validation_failed', {
      detail: `trust provider ${resource.document.metadata.name}`,
      problems: parsed.error.issues.map((issue) => ({
        pointer: ['', 'spec', ...issue.path.map(String)].join('/'),
        code: 'schema',
        detail: issue.message,
      })),
    })
  }
  const errors = lintTrustProvider(resource.document).filter((problem) => problem.severity === 'error')
  const spec = parsed.data
  const preset = findPreset(spec.preset)
  if (errors.length > 0 || preset === undefined) {
    throw new ServiceError('validation_failed', {
      detail: `trust provider ${resource.document.metadata.name}`,
      problems: errors,
    })
  }
  return {
    id: resource.id,
    name: resource.document.metadata.name,
    revision: resource.revision,
    enabled: resource.enabled,
    preset,
    issuer: spec.issuer,
    audience: spec.audience,
    keys: keySource(spec.keys),
    algorithms: spec.algorithms ?? preset.algorithms,
    require: spec.require ?? {},
    freshness: lowered(preset, spec),
    maxTtlSeconds: seconds(spec.maxTtl),
    allowPrivateNetwork: spec.network?.allowPrivateNetwork === true,
    allowLoopbackHttp: spec.network?.allowLoopbackHttp === true,
    caFile: spec.network?.caFile,
  }
}
