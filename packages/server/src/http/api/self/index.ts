/** The server about itself and about the caller. */
import type { Operation } from '../operation.ts'
import { openApi } from './openapi.ts'
import { status } from './status.ts'
import { whoami } from './whoami.ts'

/** The operations on the server itself. */
export const selfOperations: readonly Operation[] = [whoami, status, openApi]
