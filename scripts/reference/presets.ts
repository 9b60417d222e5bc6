import { PRESETS, type Preset } from '../../packages/server/src/attestors/index.ts'
import { code, generatedPage, table } from './markdown.ts'

/** docs/reference/presets.md: what is known of each platform's proofs. */
export function renderPresets(): string {
  const lines = [
    ...generatedPage('Presets', 'packages/server/src/attestors/presets'),
    "A preset is what is known of one platform's proofs, as data. A trust provider names one; its policies match these claims and no others.",
    'An immutable claim is an id that the platform never gives to anything else. A name can be given up and registered by a stranger, so',
    'lint asks for the claim that pins it.',
    ...PRESETS.flatMap(describe),
  ]
  return `${lines.join('\n')}\n`
}

function describe(preset: Preset): string[] {
  const claims = [
    ...Object.entries(preset.claims),
    ...Object.entries(preset.claimPrefixes ?? {}).map(([prefix, claim]) => [`${prefix}*`, claim] as const),
  ]
  return [
    '',
    `## ${preset.name}`,
    '',
    `${preset.title}.`,
    '',
    ...facts(preset).map(([name, value]) => `- **${name}**: ${value}`),
    '',
    ...table(
      ['claim', 'type', 'meaning', 'notes'],
      claims.map(([name, claim]) => [
        code(name),
        claim.type === 'strings' ? 'list of strings' : claim.type,
        claim.meaning,
        [
          claim.immutable ? 'immutable' : '',
          claim.pinnedBy ? `pinned by \`${claim.pinnedBy}\`` : '',
          claim.caseInsensitive ? 'compared without case' : '',
          claim.path ? `at \`${claim.path.join(' . ')}\`` : '',
        ]
          .filter(Boolean)
          .join('; '),
      ]),
    ),
    ...(preset.openClaims
      ? ['', 'Every further top-level string, number, boolean or list of strings is a claim, typed by its JSON type.']
      : []),
    ...(preset.dangers.length === 0 ? [] : ['', ...dangers(preset)]),
  ]
}

function facts(preset: Preset): (readonly [string, string])[] {
  const list = (names: readonly string[]) => names.map(code).join(', ')
  const { freshness } = preset
  const uses = [
    freshness.maxUses === undefined ? '' : `${freshness.maxUses} use${freshness.maxUses === 1 ? '' : 's'} of one proof`,
    freshness.usesPerMinute === undefined ? '' : `${freshness.usesPerMinute} uses of one proof in a minute`,
    freshness.maxProofAgeSeconds === undefined ? '' : `refused ${freshness.maxProofAgeSeconds} s after it was issued`,
    `refused when it lives longer than ${freshness.maxLifetimeSeconds} s`,
  ].filter(Boolean)
  const rows: (readonly [string, string])[] = [
    ['tenant', tenantOf(preset)],
    ['the workload is', list(preset.identityClaims)],
    ['freshness', `${freshness.class}: ${uses.join('; ')}. A provider or policy may only lower these`],
    ['algorithms', list(preset.algorithms)],
  ]
  return preset.sharedIssuers.length === 0
    ? rows
    : [...rows, ['issuers that many tenants share', list(preset.sharedIssuers)]]
}

function tenantOf({ tenantClaims, tenantAlways }: Preset): string {
  const claims = tenantClaims.map(code).join(', ')
  if (tenantAlways && claims) return `\`require\` must pin one of ${claims}`
  if (tenantAlways) return '`require` must pin a claim, or the provider says `singleTenant: true`'
  return claims ? `on a shared issuer \`require\` must pin one of ${claims}` : 'the issuer itself'
}

function dangers({ dangers: list }: Preset): string[] {
  const refused = { always: 'always', write: 'for scopes that are not read-only' }
  return [
    'Refused unless the policy names the value with `eq` or `in`:',
    '',
    ...table(
      ['claim', 'values', 'refused', 'why', 'fix'],
      list.map(({ claim, values, refuse, why, fix }) => [
        code(claim),
        values.map((value) => code(String(value))).join(', '),
        refused[refuse],
        why,
        fix,
      ]),
    ),
  ]
}
