import { cliFault } from './faults.ts'
import type { Invocation } from './types.ts'

/** The API's plurals behind a noun of the CLI: `owners` is teams and people together. */
export function pluralsOf(noun: string): readonly string[] {
  return noun === 'owners' ? ['teams', 'people'] : [noun]
}

/** The API path of the resource that the first argument names. @throws CliFault usage for an owner without its kind */
export function resourcePath(invocation: Invocation): string {
  const [noun] = invocation.command.path
  const name = invocation.arguments[0] ?? ''
  if (noun !== 'owners') return `/v1/${noun}/${encodeURIComponent(name)}`
  const match = /^(team|person):(.+)$/su.exec(name)
  if (match?.[2] !== undefined) return `/v1/${match[1] === 'team' ? 'teams' : 'people'}/${encodeURIComponent(match[2])}`
  if (name.startsWith('team_')) return `/v1/teams/${encodeURIComponent(name)}`
  if (name.startsWith('per_')) return `/v1/people/${encodeURIComponent(name)}`
  throw cliFault('usage', 'an owner is a team or a person', { fix: 'write team:NAME or person:NAME' })
}

/** The plural of the API for a kind of document. */
export const PLURALS: Readonly<Record<string, string>> = {
  Team: 'teams',
  Person: 'people',
  Workload: 'workloads',
  Service: 'services',
  TrustProvider: 'trust-providers',
  TrustPolicy: 'trust-policies',
}
