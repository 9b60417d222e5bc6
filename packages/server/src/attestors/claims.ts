import type { JsonObject, JsonValue } from '../lib/index.ts'
import { findClaimDefinition, isOpenClaimName } from './claim-definition.ts'
import type { ClaimDefinition, ClaimValue, Preset } from './types.ts'

/** The verified claims of a token by their policy names. */
export interface TypedClaims {
  /** Has no prototype: a lookup by any name finds only claims. */
  readonly claims: Readonly<Record<string, ClaimValue>>
  /** Known claims that came with another type, or with text that no store can hold. */
  readonly mistyped: readonly string[]
}

const MAX_STRINGS = 256

// PostgreSQL text cannot hold U+0000, UTF-8 cannot hold a lone surrogate: such text never enters a claim.
function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

function typedValue(value: JsonValue, type: ClaimDefinition['type']): ClaimValue | undefined {
  switch (type) {
    case 'string':
      return typeof value === 'string' && isStorable(value) ? value : undefined
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? value : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'strings': {
      if (!Array.isArray(value) || value.length > MAX_STRINGS) return undefined
      const strings: string[] = []
      for (const item of value as readonly JsonValue[]) {
        if (typeof item !== 'string' || !isStorable(item)) return undefined
        strings.push(item)
      }
      return strings
    }
  }
}

function jsonType(value: JsonValue): ClaimDefinition['type'] | undefined {
  if (Array.isArray(value)) return 'strings'
  const type = typeof value
  // Objects and null are no claims: they come out as mistyped.
  return type === 'string' || type === 'number' || type === 'boolean' ? type : undefined
}

/** The value at a path of own members, or undefined; never follows a prototype. */
function readPath(claims: JsonObject, path: readonly string[]): JsonValue | undefined {
  let current: JsonValue = claims
  for (const name of path) {
    if (current === null || typeof current !== 'object' || Array.isArray(current)) return undefined
    const object = current as JsonObject
    if (!Object.hasOwn(object, name)) return undefined
    const next: JsonValue | undefined = object[name]
    if (next === undefined) return undefined
    current = next
  }
  return current
}

/** What of a preset is asked for each proof, worked out once. */
interface PresetReading {
  readonly known: readonly (readonly [name: string, path: readonly string[], type: ClaimDefinition['type']])[]
  readonly prefixes: readonly string[]
  /** Identity, and what decides danger. */
  readonly needed: readonly string[]
}

const readings = new WeakMap<Preset, PresetReading>()

function readingOf(preset: Preset): PresetReading {
  const done = readings.get(preset)
  if (done) return done
  const reading: PresetReading = {
    known: Object.entries(preset.claims).map(([name, { path, type }]) => [name, path ?? [name], type]),
    prefixes: Object.keys(preset.claimPrefixes ?? {}),
    needed: [...new Set([...preset.identityClaims, ...preset.dangers.map((danger) => danger.claim)])],
  }
  readings.set(preset, reading)
  return reading
}

/**
 * The claims that the preset knows, by their policy names and with exactly the preset's types; nothing is coerced ("true" is no
 * boolean, 1 is no string). A claim of another type is left out and named in `mistyped`, so that nobody takes it for absent.
 * Takes only what the signature covers (T7): call it with verified claims.
 */
export function typeClaims(preset: Preset, tokenClaims: JsonObject): TypedClaims {
  const { known, prefixes } = readingOf(preset)
  const claims: Record<string, ClaimValue> = Object.create(null)
  const mistyped: string[] = []
  const take = (name: string, value: JsonValue, type: ClaimDefinition['type'] | undefined): void => {
    const typed = type === undefined ? undefined : typedValue(value, type)
    if (typed === undefined) mistyped.push(name)
    else claims[name] = typed
  }
  for (const [name, path, type] of known) {
    const [first = '', second] = path
    // Nearly all claims are members of the token itself.
    const own = second === undefined && Object.hasOwn(tokenClaims, first)
    const value = own ? tokenClaims[first] : second === undefined ? undefined : readPath(tokenClaims, path)
    if (value !== undefined) take(name, value, type)
  }
  if (prefixes.length === 0 && preset.openClaims !== true) return { claims, mistyped }
  for (const name of Object.keys(tokenClaims)) {
    const value = tokenClaims[name]
    if (value === undefined || Object.hasOwn(preset.claims, name)) continue
    const isOfFamily = prefixes.some((prefix) => name.startsWith(prefix))
    const definition = isOfFamily ? findClaimDefinition(preset, name) : undefined
    if (definition) take(name, value, definition.type)
    else if (preset.openClaims === true && isOpenClaimName(name)) take(name, value, jsonType(value))
  }
  return { claims, mistyped }
}

/**
 * The first claim without which the proof cannot be judged, with the reason: the identity, and what decides danger, must be present
 * and well typed, since a missing `event_name` must not pass for a harmless one. Undefined: nothing is missing.
 */
export function findUnusableClaim(
  preset: Preset,
  typed: TypedClaims,
): { readonly claim: string; readonly reason: 'absent' | 'wrong_type' } | undefined {
  for (const claim of readingOf(preset).needed) {
    if (typed.mistyped.includes(claim)) return { claim, reason: 'wrong_type' }
    const value = typed.claims[claim]
    if (value === undefined) return { claim, reason: 'absent' }
    // An empty identity would make an empty segment of the workload's URI.
    if (value === '' && preset.identityClaims.includes(claim)) return { claim, reason: 'absent' }
  }
  return undefined
}
