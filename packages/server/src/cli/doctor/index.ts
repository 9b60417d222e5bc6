/**
 * What `countersign doctor` looks at: one object per check, listed here in the order in which they run. A check answers with
 * results and never stops the others. Add one: its object, its place in `CHECKS`, its name in the choices of `--skip`.
 */
import { issuers } from './issuers.ts'
import { dataDirectory, keyFile, nodeVersion } from './local.ts'
import { audit, clock, readiness, socket } from './server.ts'
import type { Check } from './types.ts'

/** Every check after the configuration's, which the others build on. */
export const CHECKS: readonly Check[] = [nodeVersion, dataDirectory, keyFile, socket, readiness, clock, issuers, audit]

export type { Check, CheckResult, Patient } from './types.ts'
