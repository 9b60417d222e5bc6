import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/audit/keys`: the public keys with which an export, a checkpoint or a receipt is verified elsewhere. */
export const listAuditKeys: Operation = defineOperation({
  id: 'listAuditKeys',
  method: 'GET',
  path: '/v1/audit/keys',
  scope: 'audit:read',
  summary: 'List the verifier keys of the audit log and of receipts',
  replies: {
    200: {
      description: 'One verifier key (C2SP signed-note) per item; `next` is always null',
      schema: z.object({ items: z.array(z.object({ name: z.string(), key: z.string() })), next: z.null() }),
    },
  },
  errors: [],
  async handle(_input, deps) {
    const items = deps.verifierKeys().map((key) => ({ name: key.slice(0, key.indexOf('+')), key }))
    return { status: 200, body: { items, next: null } }
  },
})
