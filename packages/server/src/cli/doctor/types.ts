import type { ApiClient } from '../client.ts'
import type { Settings } from '../settings.ts'
import type { CliContext } from '../types.ts'

/** The result of one check. Everything but `ok` says what to do. */
export interface CheckResult {
  readonly check: string
  readonly outcome: 'ok' | 'warn' | 'fail' | 'skipped'
  readonly detail: string
  readonly fix?: string
}

/** What checks look at. */
export interface Patient {
  readonly settings: Settings
  readonly context: CliContext
  readonly client: ApiClient
  /** Undefined where the configuration is not on this host, or is not valid. */
  readonly configuration:
    | {
        readonly dataDirectory: string
        /** The key-encryption key, or the token with which the service that keeps it is asked. */
        readonly secretFile: string
        readonly adminSocket: boolean
      }
    | undefined
  /** Whether the server answered; later checks that need it are skipped otherwise. */
  reachable(): Promise<boolean>
}

/** One check. Never throws for what it looks for; several results where it looks at several things. */
export interface Check {
  readonly name: string
  run(patient: Patient): Promise<readonly CheckResult[]>
}
