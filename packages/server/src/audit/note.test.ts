import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createTestSigner } from '../../../../test/support/audit.ts'
import { formatTreeHead, openCheckpoint, parseTreeHead, signCheckpoint } from './checkpoint.ts'
import { EMPTY_ROOT, hashLeaf } from './merkle.ts'
import { formatVerifierKey, openNote, parseVerifierKey, signNote, toVerifierKey, type VerifierKey } from './note.ts'

const ORIGIN = 'log.example/audit'
const signer = createTestSigner(ORIGIN)
const head = { origin: ORIGIN, size: 20_852_163n, root: hashLeaf(Buffer.from('x')) }

function keyOf(text: string): VerifierKey {
  const key = parseVerifierKey(text)
  assert.ok(key)
  return key
}

const key = keyOf(signer.verifierKey)

describe('verifier keys (C2SP signed-note)', () => {
  it('are refused when malformed, of another type, or when their id is not their hash', () => {
    const [name, id = '', encoded] = signer.verifierKey
      .split('+', 2)
      .concat(signer.verifierKey.split('+').slice(2).join('+'))
    const other = createTestSigner(ORIGIN)
    const ecdsa = Buffer.concat([Buffer.of(2), signer.publicKey]).toString('base64')
    for (const text of [
      '',
      '++',
      `${name}+${id}`,
      `${name}+${id}+${encoded}=`,
      `${name}+${id}+${encoded} `,
      `${name}+${id.toUpperCase()}x+${encoded}`,
      `${name}+00000000+${encoded}`,
      `${name} +${id}+${encoded}`,
      `${name}x+${id}+${encoded}`,
      `${name}+${id}+${ecdsa}`,
      `${name}+${id}+${Buffer.concat([Buffer.of(1), other.publicKey]).toString('base64')}`,
    ]) {
      assert.equal(parseVerifierKey(text), undefined, text)
    }
  })

  it('are not made from names with spaces, pluses or controls, nor from keys of another length', () => {
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\nb', 'a\u0007b', '\ud800']) {
      assert.throws(() => toVerifierKey(name, signer.publicKey), TypeError)
    }
    assert.throws(() => toVerifierKey('a', signer.publicKey.subarray(1)), TypeError)
  })

  it('are the same after writing and reading', () => {
    assert.equal(formatVerifierKey(key), signer.verifierKey)
    assert.deepEqual(Buffer.from(key.publicKey), Buffer.from(signer.publicKey))
  })

  it('open the note that the documentation of Go sumdb/note prints', () => {
    const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    const documented = keyOf('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
    const signature = 'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM='
    const opened = openNote(`${text}\n— PeterNeumann ${signature}\n`, [documented])
    assert.deepEqual(opened, { ok: true, text, signedBy: [documented] })
  })
})

describe('signed notes', () => {
  it('are refused without a signature of a known key', () => {
    const note = signNote('text\n', [createTestSigner(ORIGIN), createTestSigner('other.example')])
    const opened = openNote(note, [key])
    assert.ok(!opened.ok && opened.reason === 'unknown_key')
    assert.ok(!openNote(note, []).ok)
  })

  it('are refused when a known key fails, even beside one that verifies', () => {
    const second = createTestSigner('witness.example')
    const note = signNote('text\n', [signer, second])
    const forged = note.replace(
      /(— witness\.example .{20})(.)/,
      (_, start: string, letter: string) => start + (letter === 'A' ? 'B' : 'A'),
    )
    const opened = openNote(forged, [key, keyOf(second.verifierKey)])
    assert.ok(!opened.ok && opened.reason === 'bad_signature')
  })

  it('are malformed without text, empty line, signature line, final newline, or with controls in them', () => {
    const note = signNote('text\n', [signer])
    const line = note.slice(note.indexOf('—'))
    for (const wrong of [
      '',
      '\n',
      '\n\n',
      'text\n',
      'text\n\n',
      `text\n${line}`,
      `\n\n${line}`,
      note.slice(0, -1),
      `${note}\n`,
      `${note}x\n`,
      note.replace('—', '-'),
      note.replace('— ', '—'),
      note.replace('text', 'te\u0000xt'),
      note.replace('text', 'te\rxt'),
      note.replace('text', 'te\ud800xt'),
      note.replace(`${ORIGIN} `, `${ORIGIN}  `),
      `text\n\n— ${ORIGIN} AAAA\n`,
      `text\n\n${line.repeat(65)}`,
      `${'x'.repeat(70_000)}\n\n${line}`,
    ]) {
      const opened = openNote(wrong, [key])
      assert.ok(!opened.ok && opened.reason === 'malformed', JSON.stringify(wrong.slice(0, 80)))
    }
  })

  it('are not made from text that a note cannot hold', () => {
    for (const text of ['', '\n', 'text', 'a\tb\n', 'a\u0000\n', '\udc00\n']) {
      assert.throws(() => signNote(text, [signer]), TypeError)
    }
    assert.throws(() => signNote('text\n', []), TypeError)
  })

  it('open with unknown signatures beside the known one, up to 64', () => {
    const others = Array.from({ length: 20 }, (_, index) => createTestSigner(`witness.example/${index}`))
    const opened = openNote(signNote('two\n\nparagraphs\n', [...others, signer]), [key])
    assert.deepEqual(opened, { ok: true, text: 'two\n\nparagraphs\n', signedBy: [key] })
  })

  it('are refused after any change of one character', () => {
    const note = signCheckpoint(head, [signer])
    fc.assert(
      fc.property(fc.nat(note.length - 1), fc.string({ minLength: 0, maxLength: 2, unit: 'binary' }), (index, text) => {
        const changed = note.slice(0, index) + text + note.slice(index + 1)
        fc.pre(changed !== note)
        assert.ok(!openCheckpoint(changed, [key]).ok)
      }),
      { numRuns: 1000 },
    )
  })

  it('never make the parser throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.ok(!openNote(text, [key]).ok)))
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(parseVerifierKey(text), undefined)))
  })
})

describe('checkpoints (C2SP tlog-checkpoint)', () => {
  it('are refused with a size in another spelling, a root of another length, or an empty line', () => {
    const root = Buffer.from(head.root).toString('base64')
    for (const text of [
      '',
      `${ORIGIN}\n1\n`,
      `\n1\n${root}\n`,
      `${ORIGIN}\n01\n${root}\n`,
      `${ORIGIN}\n+1\n${root}\n`,
      `${ORIGIN}\n-1\n${root}\n`,
      `${ORIGIN}\n1.0\n${root}\n`,
      `${ORIGIN}\n1e3\n${root}\n`,
      `${ORIGIN}\n 1\n${root}\n`,
      `${ORIGIN}\n\n${root}\n`,
      `${ORIGIN}\n18446744073709551616\n${root}\n`,
      `${ORIGIN}\n1\n${root.slice(0, -1)}\n`,
      `${ORIGIN}\n1\n${root}=\n`,
      `${ORIGIN}\n1\n${Buffer.alloc(31).toString('base64')}\n`,
      `${ORIGIN}\n1\n${root}\n\n`,
      `${ORIGIN}\n1\n${root}`,
    ]) {
      assert.equal(parseTreeHead(text), undefined, JSON.stringify(text))
    }
  })

  it('are not made without an origin or with a wrong root or size', () => {
    assert.throws(() => formatTreeHead({ ...head, origin: '' }), TypeError)
    assert.throws(() => formatTreeHead({ ...head, origin: 'a\nb' }), TypeError)
    assert.throws(() => formatTreeHead({ ...head, root: head.root.subarray(1) }), TypeError)
    assert.throws(() => formatTreeHead({ ...head, size: -1n }), TypeError)
  })

  it('keep sizes above 2^53 exactly', () => {
    const large = { ...head, size: 2n ** 53n + 1n }
    assert.equal(parseTreeHead(formatTreeHead(large))?.size, large.size)
  })

  it('are signed, opened and the same, extension lines ignored', () => {
    const note = signCheckpoint(head, [signer])
    const [origin, size, root, empty, signature] = note.split('\n')
    assert.deepEqual([origin, size, empty], [ORIGIN, '20852163', ''])
    assert.equal(root, Buffer.from(head.root).toString('base64'))
    assert.ok(signature?.startsWith(`— ${ORIGIN} `))
    const opened = openCheckpoint(note, [key])
    assert.ok(opened.ok)
    assert.deepEqual(
      [opened.head.origin, opened.head.size, Buffer.from(opened.head.root)],
      [ORIGIN, head.size, head.root],
    )
    const extended = openCheckpoint(signNote(`${formatTreeHead(head)}extension\n`, [signer]), [key])
    assert.ok(extended.ok && extended.head.size === head.size)
    assert.ok(openCheckpoint(signCheckpoint({ ...head, size: 0n, root: EMPTY_ROOT }, [signer]), [key]).ok)
  })

  it('are malformed when a known key has signed some other text', () => {
    const opened = openCheckpoint(signNote('just a text\n', [signer]), [key])
    assert.ok(!opened.ok && opened.reason === 'malformed')
  })
})
