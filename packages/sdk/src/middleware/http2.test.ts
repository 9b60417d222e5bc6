import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createTestIssuer } from '../testing/index.ts'
import { protect } from './node.ts'

const AUDIENCE = 'https://orders.acme.example'

test('node: HTTP/2 requests are decided upon as those of HTTP/1.1 are', async (t) => {
  const issuer = createTestIssuer()
  const token = issuer.token({ audience: AUDIENCE, scopes: ['orders:read'] })
  const guard = protect({ ...issuer.verifierOptions(AUDIENCE), scopes: ['orders:read'] })
  const server = createServer(guard((_request, response, principal) => response.end(principal.workload)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.after(() => {
    client.destroy()
    server.close()
  })
  const send = async (headers: Record<string, string | string[]>, path = '/orders') => {
    const stream = client.request({ ':path': path, ...headers })
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
    return [answer[':status'], answer['www-authenticate'], await text(stream)]
  }
  assert.deepEqual((await send({})).slice(0, 2), [401, 'Bearer realm="api"'])
  assert.equal((await send({ authorization: 'Bearer x' }))[0], 401)
  assert.equal((await send({ authorization: `Bearer ${token}` }, `/orders?access_token=${token}`))[0], 400)
  assert.deepEqual(await send({ authorization: `Bearer ${token}` }), [200, undefined, 'wl_test'])
})
