import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeResource, type ResourceMetadataOptions } from './resource-metadata.ts'

const authorizationServers = ['https://sts.acme.example']

test('RFC 9728 section 3.1: what is no resource identifier, or would be another one to its reader, is refused', () => {
  for (const resource of [
    ...['', 'orders', '/orders', 'http://orders.acme.example', 'ftp://orders.acme.example', 'urn:orders'],
    ...['https://orders.acme.example?x', 'https://orders.acme.example/#x', 'https://u@orders.acme.example'],
    ...['HTTPS://orders.acme.example', 'https://Orders.acme.example', 'https://orders.acme.example:443/x'],
    ...['https://orders.acme.example/a/../b', 'https://orders.acme.example/:id', 'https://orders.acme.example/*x'],
    ...['https://orders.acme.example/{x}', 'https://orders.acme.example/a b', undefined, 7, null],
  ]) {
    assert.throws(
      () => describeResource({ resource: resource as string, authorizationServers }),
      { code: 'configuration_invalid' },
      String(resource),
    )
  }
  const resource = 'https://orders.acme.example'
  for (const options of [
    ...[[], 'https://sts.acme.example', ['sts'], ['http://sts.acme.example'], ['https://sts.acme.example?x'], [7]].map(
      (list) => ({
        authorizationServers: list,
      }),
    ),
    { authorizationServers, scopes: ['a b'] },
    { authorizationServers, scopes: 'a' },
  ]) {
    assert.throws(() => describeResource({ resource, ...options } as ResourceMetadataOptions), {
      code: 'configuration_invalid',
    })
  }
})

test('RFC 9728 section 3.1: the path goes between host and path', () => {
  const cases: [string, string][] = [
    ['https://orders.acme.example', 'https://orders.acme.example/.well-known/oauth-protected-resource'],
    ['https://orders.acme.example/', 'https://orders.acme.example/.well-known/oauth-protected-resource'],
    ['https://orders.acme.example/v1', 'https://orders.acme.example/.well-known/oauth-protected-resource/v1'],
    ['https://orders.acme.example/v1/', 'https://orders.acme.example/.well-known/oauth-protected-resource/v1/'],
    [
      'https://orders.acme.example:8443/a/b',
      'https://orders.acme.example:8443/.well-known/oauth-protected-resource/a/b',
    ],
    ['http://localhost:8080/v1', 'http://localhost:8080/.well-known/oauth-protected-resource/v1'],
  ]
  for (const [resource, url] of cases) {
    const metadata = describeResource({ resource, authorizationServers })
    assert.equal(metadata.url, url)
    assert.equal(metadata.path, new URL(url).pathname)
    assert.equal(metadata.document['resource'], resource)
  }
})

test('RFC 9728 section 2: the document says what is accepted', () => {
  const { document, body } = describeResource({
    resource: 'https://orders.acme.example',
    authorizationServers,
    scopes: ['orders:read'],
    dpopAlgorithms: ['ES256'],
    dpopRequired: true,
    certificateBound: true,
  })
  assert.deepEqual(JSON.parse(body), {
    resource: 'https://orders.acme.example',
    authorization_servers: ['https://sts.acme.example'],
    scopes_supported: ['orders:read'],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256'],
    dpop_bound_access_tokens_required: true,
    tls_client_certificate_bound_access_tokens: true,
  })
  assert.ok(Object.isFrozen(document))
})
