import type { JsonValue } from '../lib/index.ts'
import type { ServerOptions } from './server-options.ts'

/** What `serve` starts: the composition root. */
export interface ServerModule {
  /** Resolves when the server is ready. @throws ServiceError of start: config_invalid, data_directory_unusable, ... */
  startServer(options: {
    configFile?: string
    env?: Readonly<Record<string, string | undefined>>
    overrides?: Readonly<Record<string, unknown>>
  }): Promise<{
    readonly address: string
    stop(): Promise<void>
    /** Settles when the server has ended by itself. */
    readonly closed: Promise<unknown>
  }>
  /** Brings the schema up to date. */
  migrate(options: {
    configFile?: string
    env?: Readonly<Record<string, string | undefined>>
    overrides?: Readonly<Record<string, unknown>>
  }): Promise<{ readonly from: number; readonly to: number }>
}

/** A key that opens the database, as commands show it. */
interface SealKeyName {
  readonly provider: string
  readonly keyId: string
}

/** What works on the seal where no server runs. */
export interface SealModule {
  sealStatus(options: ServerOptions): Promise<{
    readonly form: string
    readonly provider: string
    readonly location: string
    readonly opens: boolean
    readonly problem: { readonly code: string; readonly detail: string } | undefined
    readonly wrappings: readonly (SealKeyName & { readonly at: Date; readonly current: boolean | undefined })[]
  }>
  rotateSealKey(
    options: ServerOptions & { readonly to?: string },
  ): Promise<{ readonly opens: readonly SealKeyName[]; readonly closed: readonly SealKeyName[] }>
  finishRotation(
    options: ServerOptions,
  ): Promise<{ readonly opens: readonly SealKeyName[]; readonly closed: readonly SealKeyName[] }>
  resetSealKey(options: ServerOptions & { readonly reason: string }): Promise<{
    readonly abandoned: readonly { readonly kid: string; readonly purpose: string; readonly state: string }[]
    readonly made: readonly { readonly kid: string; readonly purpose: string; readonly alg: string }[]
  }>
}

/** Process configuration. */
export interface ConfigModule {
  loadConfig(input: {
    file?: string
    env?: Readonly<Record<string, string | undefined>>
    overrides?: Readonly<Record<string, unknown>>
  }): {
    readonly issuer: string
    readonly dataDirectory: string
    readonly adminSocket: boolean
    readonly seal:
      | { readonly provider: 'file'; readonly path: string }
      | { readonly provider: 'transit'; readonly tokenFile: string }
  }
}

/** The guided first run. */
export interface QuickstartModule {
  runQuickstart(options: {
    output: 'text' | 'json'
    keep: boolean
    check: boolean
    directory: string
    stdout: { write(text: string): unknown }
    stderr: { write(text: string): unknown }
    signal: AbortSignal
  }): Promise<number>
}

/** What came of verifying a receipt. */
export interface ReceiptVerdict {
  readonly ok: boolean
  readonly checks: readonly {
    readonly name: string
    readonly outcome: 'ok' | 'failed' | 'not_checked'
    readonly detail: string
  }[]
  readonly facts: { readonly id: string } | undefined
  readonly origin: string | undefined
  readonly size: bigint | undefined
  readonly keys: 'pinned' | 'from the receipt itself'
}

/** Offline verification of audit exports and receipts. */
export interface AuditModule {
  /** Whether the text can only be meant as a receipt. */
  looksLikeReceipt(text: string): boolean
  verifyReceipt(input: {
    readonly receipt: Uint8Array
    readonly trustedKeys?: readonly string[] | undefined
  }): ReceiptVerdict
  /** The bytes of an export as its lines; only LF ends one. */
  readExportLines(source: AsyncIterable<Uint8Array>): AsyncIterable<string>
  verifyExport(
    lines: AsyncIterable<string>,
    expectation?: { readonly trustedKeys?: readonly string[]; readonly expected?: string },
  ): Promise<{
    readonly ok: boolean
    readonly origin: string | undefined
    readonly events: number
    readonly checkpoints: number
    readonly vouched: number
    readonly keys: 'pinned' | 'from the export itself'
    readonly faults: readonly {
      readonly kind: string
      readonly line: number
      readonly index?: number
      readonly range?: { readonly first: number; readonly last: number }
      readonly detail: string
    }[]
    readonly furtherFaults: number
    readonly firstBad: number | undefined
  }>
}

/** Resource files as documents. */
export interface ResourcesModule {
  parseResourceFile(
    content: string | Uint8Array,
    file: string,
  ): {
    readonly documents: readonly {
      readonly value: JsonValue
      readonly file: string
      readonly line: number
      readonly column: number
      locate(pointer: string): { readonly line: number; readonly column: number }
    }[]
    readonly faults: readonly {
      readonly file: string
      readonly line: number
      readonly column: number
      readonly code: string
      readonly detail: string
      readonly fix: string
    }[]
  }
}

/** The folders that commands need, loaded when a command needs them, so that help and completion load none. */
export interface Modules {
  server(): Promise<ServerModule>
  seal(): Promise<SealModule>
  config(): Promise<ConfigModule>
  quickstart(): Promise<QuickstartModule>
  audit(): Promise<AuditModule>
  resources(): Promise<ResourcesModule>
}
