import { resolve } from 'node:path'
import { ServiceError } from '../../errors.ts'
import { createApiClient } from '../client.ts'
import { CHECKS, type CheckResult, type Patient } from '../doctor/index.ts'
import { EXITS } from '../exits.ts'
import { findServerOptions } from '../server-options.ts'
import { DEFAULT_DATA_DIRECTORY } from '../target.ts'
import { type Cell, hang, type Layout, renderTable } from '../terminal/index.ts'
import type { CommandRun, Invocation } from '../types.ts'

/** Looks at everything that can be wrong with an installation; exit 1 when a check fails. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const skip = invocation.options('skip')
  const configured = await readConfiguration(invocation)
  const dataDirectory = configured.configuration?.dataDirectory
  const remote = settings.server !== undefined || settings.socket !== undefined
  const client = await createApiClient(
    remote || dataDirectory === undefined
      ? { ...settings, configFile: undefined }
      : { ...settings, configFile: undefined, dataDirectory },
    context,
  )
  let reachable: Promise<boolean> | undefined
  const patient: Patient = {
    settings,
    context,
    client,
    configuration: remote ? undefined : configured.configuration,
    reachable() {
      reachable ??= client.any({ method: 'GET', path: '/healthz', anonymous: true }).then(
        () => true,
        () => false,
      )
      return reachable
    },
  }
  const results: CheckResult[] = skip.includes('configuration') || remote ? [] : [configured.result]
  for (const check of CHECKS) {
    results.push(
      ...(skip.includes(check.name)
        ? [{ check: check.name, outcome: 'skipped' as const, detail: 'skipped by --skip' }]
        : await check.run(patient)),
    )
  }
  const count = (outcome: CheckResult['outcome']) => results.filter((result) => result.outcome === outcome).length
  return {
    exit: count('fail') > 0 ? EXITS.no : EXITS.yes,
    document: { ok: count('fail') === 0, checks: results.map((result) => ({ fix: null, ...result })) },
    text: (layout) =>
      [
        ...render(results, layout),
        `${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail, ${count('skipped')} skipped`,
      ].join('\n'),
  }
}

async function readConfiguration(invocation: Invocation): Promise<{
  result: CheckResult
  configuration: Patient['configuration']
}> {
  const { settings, context } = invocation
  const check = 'configuration'
  const { configFile, env, overrides } = await findServerOptions(settings, context)
  if (configFile === undefined && !context.env['COUNTERSIGN_ISSUER']) {
    const directory = resolve(
      context.cwd,
      settings.dataDirectory ?? context.env['COUNTERSIGN_DATA_DIRECTORY'] ?? DEFAULT_DATA_DIRECTORY,
    )
    return {
      result: { check, outcome: 'skipped', detail: 'no --config, no ./countersign.yaml, no COUNTERSIGN_ISSUER' },
      configuration: { dataDirectory: directory, secretFile: resolve(directory, 'kek'), adminSocket: true },
    }
  }
  try {
    const { loadConfig } = await context.modules.config()
    const config = loadConfig({ env, overrides, ...(configFile === undefined ? {} : { file: configFile }) })
    return {
      result: { check, outcome: 'ok', detail: configFile ?? 'from the environment' },
      configuration: {
        dataDirectory: config.dataDirectory,
        secretFile: config.seal.provider === 'file' ? config.seal.path : config.seal.tokenFile,
        adminSocket: config.adminSocket,
      },
    }
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    const detail =
      error.problems.map((problem) => `${problem.pointer}: ${problem.detail}`).join('; ') || (error.detail ?? '')
    const fixes = error.problems.flatMap((problem) => problem.fix ?? [])
    return {
      result: { check, outcome: 'fail', detail, fix: fixes.join('; ') || 'see detail' },
      configuration: undefined,
    }
  }
}

const COLOURS = { ok: 'good', warn: 'caution', fail: 'bad', skipped: 'faint' } as const

function render(results: readonly CheckResult[], layout: Layout): string[] {
  const rows = results.map((result): Cell[] => [
    { text: result.outcome, colour: COLOURS[result.outcome] },
    result.check,
    result.fix === undefined ? result.detail : `${result.detail}`,
  ])
  const lines = renderTable(undefined, rows, layout, { overflow: 'wrap' })
  const fixes = results.filter((result) => result.fix !== undefined && result.outcome !== 'ok')
  if (fixes.length > 0) lines.push('', 'FIX')
  for (const result of fixes) lines.push(...hang(`  ${result.check}: `, result.fix ?? '', layout))
  return [...lines, '']
}
