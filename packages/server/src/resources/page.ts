import type { Resource } from './types.ts'

/** What of a kind is listed: a page, and exact filters (`name`, `owner`, `environment`, `enabled`, `label.NAME`). */
export interface PageInput {
  /** The last name of the page before. */
  readonly after?: string
  readonly limit: number
  readonly filter?: Readonly<Record<string, string>>
}

/** A page of resources by name, byte by byte. */
export interface Page {
  readonly items: readonly Resource[]
  /** The `after` of the next page; null at the end. */
  readonly next: string | null
}

/** The page of these resources of one kind, in any order. A filter that is not known matches nothing, never everything. */
export function pageOf(resources: readonly Resource[], { after, limit, filter = {} }: PageInput): Page {
  const matching = resources
    .filter((resource) => after === undefined || resource.document.metadata.name > after)
    .filter((resource) => matchesFilter(resource, filter))
    .sort((left, right) => (left.document.metadata.name < right.document.metadata.name ? -1 : 1))
  const items = matching.slice(0, limit)
  return { items, next: matching.length > limit ? (items.at(-1)?.document.metadata.name ?? null) : null }
}

function matchesFilter(resource: Resource, filter: Readonly<Record<string, string>>): boolean {
  const { metadata } = resource.document
  return Object.entries(filter).every(([name, wanted]) => {
    if (name === 'owner' || name === 'environment' || name === 'name') return metadata[name] === wanted
    if (name === 'enabled') return String(resource.enabled) === wanted
    if (!name.startsWith('label.')) return false
    const label = name.slice('label.'.length)
    return Object.hasOwn(metadata.labels ?? {}, label) && metadata.labels?.[label] === wanted
  })
}
