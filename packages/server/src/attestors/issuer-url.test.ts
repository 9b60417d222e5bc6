import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findIssuerFault } from './issuer-url.ts'

const strict = { allowLoopbackHttp: false }
const quickstart = { allowLoopbackHttp: true }

// T3, T4, T5, D-608: spellings that smuggle another host, or that a URL parser would rewrite into another one.
const REFUSED = [
  '',
  'https://',
  'https:///path',
  'http://issuer.example',
  'http://localhost:3000?https://issuer.example/',
  'http://127.0.0.1:8701',
  'ftp://issuer.example',
  'HTTPS://issuer.example',
  'https://ISSUER.example',
  'https://issuer.example.',
  'https://issuer..example',
  'https://-issuer.example',
  'https://issuer_.example',
  'https://issuer.example?x=1',
  'https://issuer.example/?',
  'https://issuer.example#f',
  'https://issuer.example/#',
  'https://user@issuer.example',
  'https://user:pass@issuer.example',
  'https://issuer.example@evil.example',
  'https://issuer.example\\@evil.example',
  'https://issuer.example\\evil',
  'https://issuer.example//x',
  'https://issuer.example/a//b',
  'https://issuer.example/../x',
  'https://issuer.example/a/..',
  'https://issuer.example/./x',
  'https://issuer.example/%2e%2e/x',
  'https://issuer.example/a b',
  'https://issuer.example/a\nb',
  'https://issuer.example/\u0000',
  'https://issüer.example',
  'https://ⓘssuer.example',
  'https://issuer.example/ü',
  'https://issuer.example:443',
  'https://issuer.example:0',
  'https://issuer.example:65536',
  'https://issuer.example:0443',
  'https://issuer.example:x',
  'https://issuer.example:',
  'https://10.0.0.1',
  'https://169.254.169.254/latest',
  'https://2130706433',
  'https://0x7f000001',
  'https://127.1',
  'https://0177.0.0.1',
  'https://[::1]',
  'https://[::ffff:10.0.0.1]',
  'https://*.example.com',
  `https://issuer.example/${'a'.repeat(300)}`,
  `https://${'a'.repeat(64)}.example`,
  ' https://issuer.example',
  'https://issuer.example ',
  'javascript:alert(1)',
  'kubernetes/serviceaccount',
]

describe('the issuer of a trust provider', () => {
  for (const issuer of REFUSED) {
    it(`T5 refuses ${JSON.stringify(issuer).slice(0, 60)}`, () => {
      assert.equal(typeof findIssuerFault(issuer, strict), 'string')
    })
  }

  it('D-608 allows http only to loopback and only for the quickstart', () => {
    assert.equal(findIssuerFault('http://127.0.0.1:8701', quickstart), undefined)
    assert.equal(findIssuerFault('http://localhost:8701', quickstart), undefined)
    assert.equal(findIssuerFault('http://[::1]:8701', quickstart), undefined)
    for (const issuer of [
      'http://issuer.example',
      'http://10.0.0.1',
      'http://127.0.0.1.example',
      'http://128.0.0.1',
      'http://localhost.example',
    ]) {
      assert.equal(typeof findIssuerFault(issuer, quickstart), 'string', issuer)
    }
  })

  it('accepts the issuers of the platforms as they are', () => {
    for (const issuer of [
      'https://token.actions.githubusercontent.com',
      'https://token.actions.githubusercontent.com/octocat-inc',
      'https://token.actions.octocorp.ghe.com',
      'https://github.acme.example/_services/token',
      'https://kubernetes.default.svc',
      'https://kubernetes.default.svc.cluster.local',
      'https://api.acme.example:6443',
      'https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE',
      'https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c',
      'https://eastus.oic.prod-aks.azure.com/5d9a4a6e-0000-4000-8000-000000000000/9f2b/',
    ]) {
      assert.equal(findIssuerFault(issuer, strict), undefined, issuer)
    }
  })

  it('T3 accepts nothing that a URL parser would write differently', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }).map((rest) => `https://${rest}`),
      fc
        .string({ unit: fc.constantFrom(...'ab1-._~/:@?#%[]\\ '), maxLength: 60 })
        .map((rest) => `https://a.example${rest}`),
      fc.webUrl(),
    )
    fc.assert(
      fc.property(text, (issuer) => {
        if (findIssuerFault(issuer, strict) !== undefined) return
        const url = new URL(issuer)
        assert.ok(url.href === issuer || url.href === `${issuer}/`, issuer)
        assert.equal(url.username + url.password + url.search + url.hash, '')
      }),
      { numRuns: 2000 },
    )
  })
})
