import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { expectedRevision, parseIfMatch } from './etag.ts'

describe('cursors', () => {
  test('anything that was not handed out is refused, and nothing else is thrown', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json().map((text) => Buffer.from(text).toString('base64url')),
        ),
        (cursor) => {
          assert.throws(() => decodeCursor('events', {}, cursor), { code: 'validation_failed' })
        },
      ),
    )
  })
  test('a cursor comes back as the position it was made from, for the same list and filters in any order', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 100 }), fc.string(), (after, value) => {
        fc.pre(value.isWellFormed() && after.isWellFormed())
        const cursor = encodeCursor('events', { a: value, b: '2' }, after)
        assert.equal(decodeCursor('events', { b: '2', a: value }, cursor ?? undefined), after)
        assert.throws(() => decodeCursor('events', { a: `${value}x`, b: '2' }, cursor ?? undefined))
        assert.throws(() => decodeCursor('services', { a: value, b: '2' }, cursor ?? undefined))
      }),
    )
  })
  test('the last page has no cursor, the first needs none', () => {
    assert.equal(encodeCursor('events', {}, null), null)
    assert.equal(decodeCursor('events', {}, undefined), undefined)
  })
})

describe('If-Match', () => {
  test('any text is a list of tags or a validation failure', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (header) => {
        try {
          parseIfMatch(header)
        } catch (error) {
          assert.equal((error as { code: string }).code, 'validation_failed')
        }
      }),
    )
  })
  test('no header and * ask for nothing', () => {
    assert.equal(parseIfMatch(undefined), undefined)
    assert.equal(parseIfMatch(' * '), undefined)
  })
  test('one tag needs no read; several are compared with what is stored', async () => {
    const never = async (): Promise<number> => assert.fail('was read')
    assert.equal(await expectedRevision(undefined, never), undefined)
    assert.equal(await expectedRevision(['7'], never), 7)
    assert.equal(await expectedRevision(['7', '8'], async () => 8), 8)
    await assert.rejects(
      expectedRevision(['7', '8'], async () => 9),
      { code: 'precondition_failed' },
    )
    await assert.rejects(
      expectedRevision(['W/"9"'], async () => 9),
      { code: 'precondition_failed' },
    )
    await assert.rejects(
      expectedRevision(['9e0'], async () => 9),
      { code: 'precondition_failed' },
    )
  })
})
