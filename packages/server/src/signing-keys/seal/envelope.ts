import type { SealProviderName, Wrapping } from './provider.ts'

/** One wrapping of the data-encryption key, and since when it is there. */
export interface StoredWrapping extends Wrapping {
  readonly at: Date
}

/**
 * The data-encryption key as the database holds it: wrapped once, or twice between the two halves of a rotation of the key-encryption
 * key. Every wrapping holds the same data-encryption key.
 */
export interface Envelope {
  readonly wrappings: readonly StoredWrapping[]
}

const VERSION = 1
const PROVIDERS: readonly SealProviderName[] = ['file', 'transit']

/** The envelope as text for the settings table. */
export function formatEnvelope({ wrappings }: Envelope): string {
  return JSON.stringify({
    version: VERSION,
    wrappings: wrappings.map(({ provider, keyId, wrapped, at }) => ({
      provider,
      key_id: keyId,
      wrapped,
      at: at.toISOString(),
    })),
  })
}

/** Reads an envelope. @returns undefined for text that is none, a newer version's included: nobody guesses at keys. */
export function parseEnvelope(text: string): Envelope | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(value) || value['version'] !== VERSION || !Array.isArray(value['wrappings'])) return undefined
  const wrappings = value['wrappings'].map(parseWrapping)
  if (wrappings.length === 0 || wrappings.includes(undefined)) return undefined
  return { wrappings: wrappings.filter((wrapping) => wrapping !== undefined) }
}

function parseWrapping(value: unknown): StoredWrapping | undefined {
  if (!isRecord(value)) return undefined
  const { provider: name, key_id: keyId, wrapped, at } = value
  const provider = PROVIDERS.find((known) => known === name)
  if (!provider || typeof keyId !== 'string' || typeof wrapped !== 'string' || typeof at !== 'string') return undefined
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? undefined : { provider, keyId, wrapped, at: date }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
