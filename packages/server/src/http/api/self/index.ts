/** The server about itself and about the caller. */
import type { Operation } from '../operation.ts'
import { status } from './status.ts'
import { whoami } from './whoami.ts'

/** The operations on the server itself, but for its description, which needs the whole table. */
export const selfOperations: readonly Operation[] = [whoami, status]
export { openApi } from './openapi.ts'
