/** Receipts of revocations, as evidence: read only. `POST /v1/revocations` makes them, `wire.ts` says what they hold. */
import type { Operation } from '../operation.ts'
import { getReceipt } from './get.ts'
import { listReceipts } from './list.ts'

/** The operations on receipts. */
export const receiptOperations: readonly Operation[] = [listReceipts, getReceipt]
export { receiptWire } from './wire.ts'
