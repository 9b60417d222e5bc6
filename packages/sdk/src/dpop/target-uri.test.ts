import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalizeTargetUri } from './target-uri.ts'

test('V-22: what is not one unambiguous http URI has no normal form', () => {
  for (const bad of [
    ...['', '/', 'a.example/x', '//a.example/x', 'ftp://a.example/', 'javascript:x', 'https:a.example', 'https:///x'],
    ...['https://a.example\\@b.example/', 'https://b@a.example/', 'https://b:c@a.example/', 'https://a.example/\\x'],
    ...[
      'https://a.example/ x',
      'https://a.example/\tx',
      '\thttps://a.example/',
      'https://a.example/\u0000',
      'https://\u0430.example/',
    ],
    ...[
      'https://a.example/%',
      'https://a.example/%2',
      'https://a.example/%zz',
      'https://%61.example/',
      'https://a.example:99999/',
    ],
    ...[
      'https://a.example/"x"',
      'https://a.example/<x>',
      'https://a b/',
      'https://[::1/',
      `https://a.example/${'x'.repeat(4096)}`,
    ],
    ...[undefined, null, 7, {}, ['https://a.example/']],
  ]) {
    assert.equal(normalizeTargetUri(bad), undefined, String(bad))
  }
})

test('RFC 3986 section 6.2.2 and 6.2.3: equivalent spellings have one normal form', () => {
  const cases: [string, string][] = [
    ['HTTP://A.Example', 'http://a.example/'],
    ['http://a.example:80/', 'http://a.example/'],
    ['https://a.example:0443/', 'https://a.example/'],
    ['https://a.example:/', 'https://a.example/'],
    ['https://a.example:8443', 'https://a.example:8443/'],
    ['https://a.example?x=/y', 'https://a.example/'],
    ['https://a.example#x', 'https://a.example/'],
    ['https://a.example/a/../b/./c/..', 'https://a.example/b/'],
    ['https://a.example/a/%2e%2E/b', 'https://a.example/b'],
    ['https://a.example/%7euser/%2f/%c3%a9', 'https://a.example/~user/%2F/%C3%A9'],
    ['https://a.example//b//', 'https://a.example//b//'],
    ['https://[2001:DB8::1]/x', 'https://[2001:db8::1]/x'],
    // What an octet decodes to is not decoded again.
    ['https://a.example/%25%36%31', 'https://a.example/%2561'],
  ]
  for (const [uri, normal] of cases) assert.equal(normalizeTargetUri(uri), normal)
})

test('a normal form is its own normal form, and never holds a query or fragment', () => {
  const text = fc.stringMatching(/^[\x21-\x7e]{0,30}$/)
  fc.assert(
    fc.property(
      fc.constantFrom('https://a.example', 'http://a.example:8080/', 'HTTPS://A.b/%41'),
      text,
      (start, rest) => {
        const normal = normalizeTargetUri(start + rest)
        if (normal === undefined) return
        assert.equal(normalizeTargetUri(normal), normal)
        assert.doesNotMatch(normal, /[?#\s\\"<>]/)
      },
    ),
    { numRuns: 3000 },
  )
})
