import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createApiUnderTest, pendingReceipt, tokenFor } from '../../../../../../test/support/api.ts'

const json = async (response: Response) => (await response.json()) as Record<string, unknown>

describe('receipts over the API', () => {
  it('invariant 8: without the scope, a receipt that exists and one that does not give one answer', async () => {
    const { send } = createApiUnderTest()
    const token = tokenFor('events:read', 'audit:read')
    const [known, unknown, malformed] = await Promise.all(
      ['rcpt_1', 'rcpt_2', '..%2frcpt_1'].map((id) => send('GET', `/v1/receipts/${id}`, { token })),
    )
    assert.deepEqual([known?.status, unknown?.status, malformed?.status], [404, 404, 404])
    assert.equal((await send('GET', '/v1/receipts', { token })).status, 403)
    assert.equal((await send('GET', '/v1/receipts/rcpt_1', { token: null })).status, 401)
  })

  it('an unknown state, a cursor of another list and of other filters are refused', async () => {
    const { send } = createApiUnderTest()
    assert.equal((await send('GET', '/v1/receipts?state=lost')).status, 400)
    const events = await json(await send('GET', '/v1/events'))
    assert.equal((await send('GET', `/v1/receipts?after=${events['next']}`)).status, 400)
    const pending = await json(await send('GET', '/v1/receipts?state=pending'))
    assert.equal((await send('GET', `/v1/receipts?after=${pending['next']}`)).status, 400)
    assert.equal((await send('GET', `/v1/receipts?state=pending&after=${pending['next']}`)).status, 200)
  })

  it('no receipt is changed or removed over it', async () => {
    const { send } = createApiUnderTest()
    for (const method of ['PUT', 'PATCH', 'DELETE', 'POST']) {
      assert.ok([404, 405].includes((await send(method, '/v1/receipts/rcpt_1', { body: {} })).status), method)
    }
  })

  it('one receipt and a page of them, as they are', async () => {
    const { send } = createApiUnderTest()
    const token = tokenFor('receipts:read')
    assert.deepEqual(await json(await send('GET', '/v1/receipts/rcpt_1', { token })), pendingReceipt)
    const page = await json(await send('GET', '/v1/receipts', { token }))
    const next = await json(await send('GET', `/v1/receipts?after=${page['next']}`, { token }))
    assert.deepEqual(next['items'], [{ ...pendingReceipt, id: 'rcpt_9' }])
  })
})
