import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pageOf } from './page.ts'
import type { Resource } from './types.ts'

function resource(name: string, more: Record<string, unknown> = {}): Resource {
  const document = {
    apiVersion: 'countersign/v1' as const,
    kind: 'Team' as const,
    metadata: { name, ...more },
    spec: {},
  }
  return { id: `team_${name}`, document, revision: 1, enabled: true, createdAt: new Date(0), updatedAt: new Date(0) }
}

const names = (page: { items: readonly Resource[] }) => page.items.map((item) => item.document.metadata.name)

describe('a page', () => {
  it('is empty for a filter that nobody knows, also for inherited names', () => {
    const resources = [resource('a', { labels: { team: 'x' } })]
    for (const name of [
      'nam',
      'constructor',
      '__proto__',
      'label.',
      'label.constructor',
      'label.toString',
      'purpose',
    ]) {
      assert.deepEqual(names(pageOf(resources, { limit: 9, filter: { [name]: 'x' } })), [], name)
    }
  })

  it('compares filters byte for byte', () => {
    const resources = [resource('a', { owner: 'team:a', labels: { tier: 'x' } }), resource('b')]
    assert.deepEqual(names(pageOf(resources, { limit: 9, filter: { owner: 'team:A' } })), [])
    assert.deepEqual(names(pageOf(resources, { limit: 9, filter: { owner: 'team:a', enabled: 'true' } })), ['a'])
    assert.deepEqual(names(pageOf(resources, { limit: 9, filter: { 'label.tier': 'x' } })), ['a'])
    assert.deepEqual(names(pageOf(resources, { limit: 9, filter: { enabled: 'false' } })), [])
  })

  it('after page gives every resource exactly once, in order', () => {
    const name = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,4}[a-z0-9])?$/)
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 30 }), fc.integer({ min: 1, max: 7 }), (all, limit) => {
        const resources = all.map((one) => resource(one))
        const seen: string[] = []
        for (let after: string | undefined; ; ) {
          const page = pageOf(resources, { limit, ...(after === undefined ? {} : { after }) })
          seen.push(...names(page))
          if (page.next === null) break
          after = page.next
        }
        assert.deepEqual(seen, [...all].sort())
      }),
    )
  })
})
