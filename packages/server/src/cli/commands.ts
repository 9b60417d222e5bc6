import { ABOUT_COMMANDS } from './table/about.ts'
import { AUDIT_COMMANDS } from './table/audit.ts'
import { EXCHANGE_COMMANDS } from './table/exchange.ts'
import { RESOURCE_COMMANDS } from './table/resources.ts'
import { REVOCATION_COMMANDS } from './table/revocations.ts'
import { SERVER_COMMANDS } from './table/server.ts'
import { SIGNING_KEY_COMMANDS } from './table/signing-keys.ts'
import type { CommandSpec } from './types.ts'

/**
 * Every command, in the order that help shows. Add one by an entry in `table/` and its file in `commands/`; parser, help,
 * completion, reference and suggestions follow from the entry.
 */
export const COMMANDS: readonly CommandSpec[] = [
  ...SERVER_COMMANDS,
  ...EXCHANGE_COMMANDS,
  ...RESOURCE_COMMANDS,
  ...SIGNING_KEY_COMMANDS,
  ...AUDIT_COMMANDS,
  ...REVOCATION_COMMANDS,
  ...ABOUT_COMMANDS,
]
