import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { pageQuery } from '../schemas.ts'
import { receiptWire } from './wire.ts'

const query = pageQuery.extend({ state: z.enum(['pending', 'final']).optional() })

/** `GET /v1/receipts`: newest first. */
export const listReceipts: Operation = defineOperation({
  id: 'listReceipts',
  method: 'GET',
  path: '/v1/receipts',
  scope: 'receipts:read',
  summary: 'List receipts of revocations',
  query,
  replies: {
    200: {
      description: 'One page, newest first, of at most 50 whatever the limit; there are more while `next` is not null',
      schema: z.object({ items: z.array(receiptWire), next: z.string().nullable() }),
    },
  },
  errors: [],
  async handle({ query: { after, limit, state } }, { receipts }) {
    const filter = state === undefined ? {} : { state }
    const position = decodeCursor('receipts', filter, after)
    const page = await receipts.list({ limit, ...filter, ...(position === undefined ? {} : { after: position }) })
    return { status: 200, body: { items: page.items, next: encodeCursor('receipts', filter, page.next) } }
  },
})
