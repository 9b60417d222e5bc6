import type { Kysely } from 'kysely'
import { ServiceError } from '../../errors.ts'
import type { Tables } from '../../schema/index.ts'
import { selectSettings } from '../store.ts'
import { parseEnvelope } from './envelope.ts'
import { CHECK_SETTING, ENVELOPE_SETTING, unsealStored } from './open.ts'
import type { SealProvider, SealProviderName } from './provider.ts'

/** How a database is sealed, and whether the configured key opens it now. */
export interface SealStatus {
  /** `file_key`: made by an earlier version, directly under a key file. `none`: never sealed. */
  readonly form: 'envelope' | 'file_key' | 'none'
  readonly provider: SealProviderName
  readonly location: string
  /** Asked just now, so that a token that has expired shows before the next start needs it. */
  readonly opens: boolean
  /** Why it does not. */
  readonly problem: { readonly code: string; readonly detail: string } | undefined
  /** The keys that open the database; more than one while a rotation is not finished. */
  readonly wrappings: readonly {
    readonly provider: SealProviderName
    readonly keyId: string
    readonly at: Date
    /** Whether it is of the configured key; undefined when that cannot be told. */
    readonly current: boolean | undefined
  }[]
}

/** Looks at the seal, and tries the configured key on it. Changes nothing. */
export async function readSealStatus(db: Kysely<Tables>, provider: SealProvider): Promise<SealStatus> {
  const settings = await selectSettings(db, [ENVELOPE_SETTING, CHECK_SETTING])
  const text = settings.get(ENVELOPE_SETTING)
  const form = text !== undefined ? 'envelope' : settings.has(CHECK_SETTING) ? 'file_key' : 'none'
  const problem = await unsealStored(db, provider).then(() => undefined, toProblem)
  const wrappings = text === undefined ? [] : (parseEnvelope(text)?.wrappings ?? [])
  return {
    form,
    provider: provider.name,
    location: provider.location,
    opens: problem === undefined,
    problem,
    wrappings: wrappings.map((wrapping) => {
      const { provider: name, keyId, at } = wrapping
      return { provider: name, keyId, at, current: name === provider.name ? isCurrent(provider, wrapping) : false }
    }),
  }
}

function isCurrent(provider: SealProvider, wrapping: Parameters<SealProvider['knows']>[0]): boolean | undefined {
  try {
    return provider.knows(wrapping)
  } catch (error) {
    if (error instanceof ServiceError) return undefined
    throw error
  }
}

function toProblem(error: unknown): { code: string; detail: string } {
  if (error instanceof ServiceError) return { code: error.code, detail: error.detail ?? error.message }
  throw error
}
