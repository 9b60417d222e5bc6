import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { describeGithubSubject, parseGithubSubject } from './github-subject.ts'

describe('the subject of a GitHub Actions token', () => {
  for (const sub of [
    '',
    'repo',
    'repo:',
    'repo:acme',
    'repo:acme/orders/x:ref:refs/heads/main',
    'repo:acme@1/orders:ref:refs/heads/main',
    'repo:acme/orders@2:ref:refs/heads/main',
    'repo:acme@x/orders@2:ref:refs/heads/main',
    'repo:acme@1@2/orders@3:ref:refs/heads/main',
    'repo:acme/orders:ref',
    'system:serviceaccount:ns',
    'REPO:acme/orders:ref:refs/heads/main',
    `repo:acme/orders:ref:${'a'.repeat(3000)}`,
    'a:b:'.repeat(60),
  ]) {
    it(`T20 does not read ${JSON.stringify(sub).slice(0, 50)}`, () => {
      assert.equal(parseGithubSubject(sub), undefined)
    })
  }

  it('T20 reads the old format, and says that its names can pass to others', () => {
    const subject = parseGithubSubject('repo:acme/orders:ref:refs/heads/main')
    assert.equal(subject?.format, 'names')
    assert.equal(subject?.repository, 'orders')
    assert.equal(subject?.repositoryId, undefined)
    assert.match(describeGithubSubject('repo:acme/orders:ref:refs/heads/main'), /names only/)
  })

  it('T20 reads the immutable format with its @ delimiter', () => {
    const subject = parseGithubSubject('repo:acme@123456/orders@456789:environment:production')
    assert.deepEqual(subject, {
      format: 'immutable_ids',
      owner: 'acme',
      ownerId: '123456',
      repository: 'orders',
      repositoryId: '456789',
      parts: [
        { key: 'repo', value: 'acme@123456/orders@456789' },
        { key: 'environment', value: 'production' },
      ],
    })
  })

  it('T20 does not take the announced - form for ids', () => {
    assert.equal(parseGithubSubject('repo:acme-123456/orders-456789:pull_request')?.format, 'names')
  })

  it('reads pull requests, decoded colons and customised templates', () => {
    assert.equal(parseGithubSubject('repo:acme/orders:pull_request')?.format, 'names')
    assert.equal(parseGithubSubject('repo:acme/orders:environment:Production%3AV1')?.parts[1]?.value, 'Production:V1')
    const custom = parseGithubSubject(
      'repo:acme@1/orders@2:environment:prod:job_workflow_ref:acme/d/.github/workflows/r.yml@refs/heads/main',
    )
    assert.equal(custom?.format, 'customised')
    assert.equal(custom?.repositoryId, '2')
    assert.equal(parseGithubSubject('repository_owner:monalisa:repository_visibility:private')?.format, 'customised')
    assert.equal(parseGithubSubject('repository_id:74')?.repository, undefined)
  })

  it('V-24 gives an answer for any text, without a value of it in the description', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'repo:@/1a%3A_') })), (sub) => {
        parseGithubSubject(sub)
        assert.ok(describeGithubSubject(sub).length > 0)
      }),
    )
    assert.ok(!describeGithubSubject('repo:canary/orders:ref:refs/heads/main').includes('canary'))
  })
})
