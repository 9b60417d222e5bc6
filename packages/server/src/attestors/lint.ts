import { CountersignError, createStaticKeySet } from '@countersign/sdk'
import { type JsonObject, parseDurationMs } from '../lib/index.ts'
import type { Problem, ResourceDocument } from '../resources/index.ts'
import { findClaimDefinition, knowsClaim } from './claim-definition.ts'
import { issuerHostname } from './issuer-url.ts'
import { findPreset, findSharedIssuer } from './presets/index.ts'
import { type TrustProviderSpec, trustProviderSpec } from './schema.ts'
import type { Preset } from './types.ts'

type Report = (severity: Problem['severity'], code: string, pointer: string, detail: string, fix: string) => void

function lintTenant(spec: TrustProviderSpec, preset: Preset, report: Report): void {
  const shared = findSharedIssuer(spec.issuer)
  const required = Object.keys(spec.require ?? {})
  if (shared?.preset !== undefined && shared.preset !== preset.name) {
    report(
      'error',
      'preset_wrong',
      '/spec/preset',
      `${spec.issuer} is the issuer of ${shared.preset}`,
      `use preset: ${shared.preset}`,
    )
  }
  // D-602: AWS and GCP both ended at refusing this: without it every stranger on the issuer has a valid proof.
  const tenantClaims = preset.tenantClaims.length > 0 ? preset.tenantClaims : (shared?.tenantClaims ?? [])
  if (shared !== undefined || (preset.tenantAlways === true && preset.tenantClaims.length > 0)) {
    if (!tenantClaims.some((claim) => required.includes(claim))) {
      report(
        'error',
        'tenant_not_pinned',
        '/spec/require',
        shared ? 'many organisations share this issuer, and nothing pins yours' : 'nothing pins the tenant',
        `add require: { ${tenantClaims[0]}: "..." } (or ${tenantClaims.slice(1).join(', ') || 'nothing else'})`,
      )
    }
    if (spec.singleTenant === true) {
      report(
        'error',
        'single_tenant_wrong',
        '/spec/singleTenant',
        'this issuer serves more than one tenant',
        'pin the tenant in `require`',
      )
    }
  } else if (preset.tenantAlways === true && required.length === 0 && spec.singleTenant !== true) {
    report(
      'error',
      'tenant_not_pinned',
      '/spec/require',
      'the provider accepts every proof of the issuer for this audience',
      'pin a claim in `require`, or say `singleTenant: true` when the issuer serves your organisation only',
    )
  }
}

function lintRequire(spec: TrustProviderSpec, preset: Preset, report: Report): void {
  for (const [claim, value] of Object.entries(spec.require ?? {})) {
    const pointer = `/spec/require/${claim.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!knowsClaim(preset, claim)) {
      const fix =
        claim === 'sub'
          ? 'the format of sub changes; pin the claims that it is made of'
          : `known: ${Object.keys(preset.claims).join(', ')}`
      report('error', 'claim_unknown', pointer, `proofs of ${preset.name} carry no claim ${claim}`, fix)
      continue
    }
    const definition = findClaimDefinition(preset, claim)
    if (definition && definition.type !== typeof value) {
      report(
        'error',
        'claim_type',
        pointer,
        `${claim} is a ${definition.type}`,
        `write the value as a ${definition.type}`,
      )
    }
    // T20: a name can be registered again by somebody else.
    const pin = definition?.pinnedBy
    if (pin !== undefined && !Object.hasOwn(spec.require ?? {}, pin)) {
      report(
        'warning',
        'name_not_pinned',
        pointer,
        `${claim} is a name that can pass to somebody else`,
        `pin ${pin} as well`,
      )
    }
  }
}

/** Host and port: the emulated issuers of one machine differ by their port only. */
function authorityOf(issuer: string): string | undefined {
  return URL.canParse(issuer) ? new URL(issuer).host : undefined
}

// S-06, D-606: a proof for the issuer's default audience was not made for us, and whoever received it could present it here.
function lintAudience(spec: TrustProviderSpec, preset: Preset, report: Report): void {
  const fix = "set the audience to this installation's own URL, and request proofs for it"
  const host = /^[a-z]+:\/\/([^/?#]+)/i.exec(spec.audience)?.[1]?.toLowerCase()
  if (spec.audience.replace(/\/+$/, '') === spec.issuer.replace(/\/+$/, '')) {
    report('error', 'audience_default', '/spec/audience', 'the audience is the issuer itself', fix)
  } else if (
    preset.name === 'github-actions' &&
    host !== undefined &&
    (host === 'github.com' || host.endsWith('.ghe.com') || host === authorityOf(spec.issuer))
  ) {
    report(
      'error',
      'audience_default',
      '/spec/audience',
      'the URL of the repository owner is the default audience of GitHub',
      fix,
    )
  } else if (
    preset.name === 'kubernetes' &&
    host !== undefined &&
    /^kubernetes\.default(\.svc(\.[a-z0-9.-]+)?)?$/.test(host)
  ) {
    report(
      'error',
      'audience_default',
      '/spec/audience',
      'this is the audience of the API server: such tokens administer the cluster',
      fix,
    )
  } else if (
    ['sts.amazonaws.com', 'api://azureadtokenexchange', 'sigstore', 'pypi', 'vault'].includes(
      spec.audience.toLowerCase(),
    )
  ) {
    report('error', 'audience_foreign', '/spec/audience', 'proofs for this audience are made for another service', fix)
  }
}

function lintLimits(spec: TrustProviderSpec, preset: Preset, report: Report): void {
  const { freshness } = preset
  const raised = (pointer: string, limit: string): void =>
    report(
      'error',
      'limit_raised',
      pointer,
      `a provider may only lower the preset's limit of ${limit}`,
      'lower it or leave it out',
    )
  if (spec.maxUses !== undefined) {
    if (freshness.class === 'cached') {
      report('error', 'limit_wrong', '/spec/maxUses', 'proofs of this preset are cached', 'use usesPerMinute')
    } else if (freshness.maxUses !== undefined && spec.maxUses > freshness.maxUses)
      raised('/spec/maxUses', `${freshness.maxUses}`)
  }
  if (spec.usesPerMinute !== undefined) {
    if (freshness.class !== 'cached') {
      report('error', 'limit_wrong', '/spec/usesPerMinute', 'proofs of this preset are not cached', 'use maxUses')
    } else if (freshness.usesPerMinute !== undefined && spec.usesPerMinute > freshness.usesPerMinute) {
      raised('/spec/usesPerMinute', `${freshness.usesPerMinute} a minute`)
    }
  }
  const age = spec.maxProofAge === undefined ? undefined : (parseDurationMs(spec.maxProofAge) ?? 0) / 1000
  if (age !== undefined && freshness.maxProofAgeSeconds !== undefined && age > freshness.maxProofAgeSeconds) {
    raised('/spec/maxProofAge', `${freshness.maxProofAgeSeconds}s`)
  }
}

// V-09, V-10: whoever pastes a private key, or a key that can never verify, learns it before it is saved.
function lintInlineKeys(jwks: unknown, algorithms: readonly string[], report: Report): void {
  try {
    const keys = createStaticKeySet(jwks as JsonObject, { algorithms })
    for (const skipped of keys.skipped) {
      report(
        'error',
        'key_unusable',
        '/spec/keys/jwks',
        `a key cannot be used (${skipped.fault})`,
        'remove it, or register the right public key',
      )
    }
    if (keys.skipped.length === 0 && keys.cachedKids().length === 0) {
      report(
        'error',
        'key_unusable',
        '/spec/keys/jwks',
        'the set holds no key with a kid',
        'register at least one public key with a kid',
      )
    }
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    report(
      'error',
      'key_unusable',
      '/spec/keys/jwks',
      error.message,
      'register the public halves only, each under its own kid',
    )
  }
}

function lintKeys(spec: TrustProviderSpec, preset: Preset, report: Report): void {
  for (const [index, algorithm] of (spec.algorithms ?? []).entries()) {
    if (!preset.algorithms.includes(algorithm)) {
      report(
        'error',
        'algorithm_unknown',
        `/spec/algorithms/${index}`,
        `${preset.name} does not sign with it`,
        `use ${preset.algorithms.join(', ')}`,
      )
    }
  }
  if (spec.keys !== undefined && 'jwks' in spec.keys)
    lintInlineKeys(spec.keys.jwks, spec.algorithms ?? preset.algorithms, report)
  const fetches = spec.keys === undefined || 'discovery' in spec.keys
  const host = issuerHostname(spec.issuer)
  if (fetches && (host.endsWith('.svc') || host.endsWith('.cluster.local'))) {
    report(
      'warning',
      'discovery_inside_cluster',
      '/spec/keys',
      'this issuer answers only inside its cluster, and only to callers with the role system:service-account-issuer-discovery',
      'give the keys as jwksFile (kubectl get --raw /openid/v1/jwks), or as a jwksUri that this host reaches',
    )
  }
  if (spec.network?.allowLoopbackHttp === true) {
    report(
      'warning',
      'loopback_http',
      '/spec/network/allowLoopbackHttp',
      'the service will listen on loopback only',
      'remove it outside the quickstart',
    )
  }
}

/**
 * What is wrong or unwise in a TrustProvider, beyond its shape: errors refuse the save, warnings inform. Pure. A document whose `spec`
 * does not have the right shape gives none: the schema has refused it.
 */
export function lintTrustProvider(document: ResourceDocument): readonly Problem[] {
  const parsed = trustProviderSpec.safeParse(document.spec)
  const preset = parsed.success ? findPreset(parsed.data.preset) : undefined
  if (!parsed.success || preset === undefined) return []
  const problems: Problem[] = []
  const report: Report = (severity, code, pointer, detail, fix) =>
    problems.push({ severity, code, pointer, detail, fix })
  for (const lint of [lintTenant, lintRequire, lintAudience, lintLimits, lintKeys]) lint(parsed.data, preset, report)
  return problems
}
