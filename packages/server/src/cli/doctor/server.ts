import { spell } from '../decode-token.ts'
import { CliFault } from '../faults.ts'
import { list, member, number, show, text } from '../wire.ts'
import type { Check, CheckResult, Patient } from './types.ts'

const MAX_SKEW_SECONDS = 5
const WARN_LAG_MS = 5_000
const FAIL_LAG_MS = 60_000

/** Whether the way to the server works, and who it is. */
export const socket: Check = {
  name: 'socket',
  async run(patient) {
    const { target } = patient.client
    const where = target.via === 'socket' ? target.socketPath : target.url.origin
    return [
      await answering('socket', patient, async () => {
        await patient.client.any({ method: 'GET', path: '/healthz', anonymous: true })
        return { check: 'socket', outcome: 'ok', detail: `${where} answers` }
      }),
    ]
  },
}

/** The server's own readiness checks. */
export const readiness: Check = {
  name: 'server',
  async run(patient) {
    if (!(await patient.reachable())) return [unreached('server')]
    return [
      await answering('server', patient, async () => {
        const { status, body } = await patient.client.any({
          method: 'GET',
          path: '/readyz',
          anonymous: true,
          repeatable: false,
        })
        const failing = list(member(body, 'checks')).filter((check) => member(check, 'ok') !== true)
        if (status === 200 && failing.length === 0) return { check: 'server', outcome: 'ok', detail: 'ready' }
        const words = failing.map((check) => `${show(member(check, 'name'))}: ${show(member(check, 'detail'))}`)
        return {
          check: 'server',
          outcome: 'fail',
          detail: `not ready (${status})${words.length === 0 ? '' : `: ${words.join('; ')}`}`,
          fix: "read the server's log",
        }
      }),
    ]
  },
}

/** Whether the clocks of this host and of the server agree (A-11): every proof's times are compared with the server's. */
export const clock: Check = {
  name: 'clock',
  async run(patient) {
    if (!(await patient.reachable())) return [unreached('clock')]
    return [
      await answering('clock', patient, async () => {
        const before = patient.context.now().getTime()
        const { headers } = await patient.client.any({ method: 'GET', path: '/healthz', anonymous: true })
        const after = patient.context.now().getTime()
        const date = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN
        if (Number.isNaN(date)) {
          return {
            check: 'clock',
            outcome: 'warn',
            detail: 'the answer has no Date',
            fix: 'do not strip it in the proxy',
          }
        }
        // The header is cut to a second; the true time lies up to one later.
        const skew = date > after ? (date - after) / 1000 : Math.min(0, (date + 1000 - before) / 1000)
        const detail = `${spell(skew)} ${skew < 0 ? 'behind' : 'ahead of'} this host`
        if (Math.abs(skew) > MAX_SKEW_SECONDS) {
          return {
            check: 'clock',
            outcome: 'fail',
            detail: `the server is ${detail}`,
            fix: 'synchronise both with NTP',
          }
        }
        return { check: 'clock', outcome: 'ok', detail: 'the clocks agree' }
      }),
    ]
  },
}

/** Whether what happened is sealed, and whether every stored document takes part. */
export const audit: Check = {
  name: 'audit',
  async run(patient) {
    if (!(await patient.reachable())) return [unreached('audit')]
    const results: CheckResult[] = []
    const result = await answering('audit', patient, async () => {
      const { body } = await patient.client.json({ method: 'GET', path: '/v1/status' })
      for (const fault of list(member(body, 'faults'))) {
        const detail = `${show(member(fault, 'id'))} denies, because it does not compile: ${show(member(fault, 'detail'))}`
        results.push({ check: 'audit', outcome: 'fail', detail, fix: 'correct the document and apply it again' })
      }
      const log = member(body, 'audit')
      const pending = number(member(log, 'pending'))
      const ageMs = number(member(log, 'oldest_age_ms'))
      if (pending === undefined || ageMs === undefined) {
        return {
          check: 'audit',
          outcome: 'warn',
          detail: 'the status does not tell the lag',
          fix: 'use equal versions',
        }
      }
      const detail = `${pending} events wait to be sealed, the oldest for ${spell(ageMs / 1000)}`
      if (pending > 0 && ageMs > FAIL_LAG_MS) {
        return { check: 'audit', outcome: 'fail', detail, fix: "the sealer does not work; read the leader's log" }
      }
      if (pending > 0 && ageMs > WARN_LAG_MS)
        return { check: 'audit', outcome: 'warn', detail, fix: 'look again in a minute' }
      return { check: 'audit', outcome: 'ok', detail: `sealed, ${show(member(log, 'size'))} events` }
    })
    return [...results, result]
  },
}

/** The result for a check that needs a server which does not answer. */
export function unreached(check: string): CheckResult {
  return { check, outcome: 'skipped', detail: 'the server does not answer' }
}

/** The result of a check that calls the server; a failed call is a result, too. */
export async function answering(
  check: string,
  { context }: Pick<Patient, 'context'>,
  run: () => Promise<CheckResult>,
): Promise<CheckResult> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof CliFault) || context.signal.aborted) throw error
    const detail = error.detail === undefined ? error.title : `${error.title}: ${text(error.detail)}`
    return { check, outcome: 'fail', detail, fix: error.fix }
  }
}
