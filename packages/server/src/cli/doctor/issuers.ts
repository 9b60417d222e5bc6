import { readFile } from 'node:fs/promises'
import type { JsonValue } from '../../lib/index.ts'
import { CliFault } from '../faults.ts'
import { readPages } from '../pages.ts'
import { isLoopback } from '../target.ts'
import { readText, send } from '../transport.ts'
import { member, show, text } from '../wire.ts'
import { answering, unreached } from './server.ts'
import type { Check, CheckResult, Patient } from './types.ts'

const TIMEOUT_MS = 5_000
const MAX_BYTES = 256 * 1024
const MAX_PROVIDERS = 100

/** Whether this host reaches the discovery document of each registered provider, and whether it names the same issuer. */
export const issuers: Check = {
  name: 'issuers',
  async run(patient) {
    if (!(await patient.reachable())) return [unreached('issuers')]
    let providers: readonly JsonValue[] = []
    const listed = await answering('issuers', patient, async () => {
      const page = await readPages(patient.client, '/v1/trust-providers', {
        ...patient.settings,
        filters: {},
        limit: MAX_PROVIDERS,
      })
      providers = page.items
      return { check: 'issuers', outcome: 'ok', detail: `${page.items.length} trust providers` }
    })
    if (providers.length === 0) return [listed]
    return await Promise.all(providers.map((provider) => look(provider, patient)))
  },
}

async function look(provider: JsonValue, { context }: Patient): Promise<CheckResult> {
  const name = show(member(provider, 'name'))
  const spec = member(member(provider, 'document'), 'spec')
  const check = 'issuers'
  if (member(provider, 'enabled') === false) return { check, outcome: 'skipped', detail: `${name} is disabled` }
  const keys = member(spec, 'keys')
  if (member(keys, 'jwks') !== undefined || member(keys, 'jwksFile') !== undefined) {
    return { check, outcome: 'ok', detail: `${name} has its keys in the registration; nothing to reach` }
  }
  const jwksUri = text(member(keys, 'jwksUri'))
  const issuer = text(member(spec, 'issuer'))
  const address = jwksUri ?? discoveryAddress(issuer)
  const url = address !== undefined && URL.canParse(address) ? new URL(address) : undefined
  if (!url || (url.protocol !== 'https:' && !isLoopback(url.hostname))) {
    return { check, outcome: 'fail', detail: `${name} has no https issuer`, fix: 'correct the trust provider' }
  }
  const caFile = text(member(member(spec, 'network'), 'caFile'))
  try {
    const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8')
    const answer = await send({
      url,
      method: 'GET',
      headers: { accept: 'application/json', 'user-agent': 'countersign-cli' },
      timeoutMs: TIMEOUT_MS,
      ca,
      signal: context.signal,
    })
    const body = await readText(answer, MAX_BYTES)
    if (answer.status !== 200) return refused(name, url, `answered ${answer.status}`)
    return judge(name, url, body, jwksUri === undefined ? issuer : undefined)
  } catch (error) {
    if (context.signal.aborted) throw error
    if (!(error instanceof CliFault)) return refused(name, url, 'has a caFile that cannot be read here')
    return refused(name, url, error.detail ?? error.title)
  }
}

// OpenID Connect Discovery 1.0 section 4.3: the document must name exactly the issuer that it was asked for.
function judge(name: string, url: URL, body: string, issuer: string | undefined): CheckResult {
  let document: JsonValue
  try {
    document = JSON.parse(body) as JsonValue
  } catch {
    return refused(name, url, 'answered something that is not JSON')
  }
  if (issuer !== undefined && text(member(document, 'issuer')) !== issuer) {
    return refused(name, url, 'names another issuer than the one that is registered')
  }
  return { check: 'issuers', outcome: 'ok', detail: `${name}: ${url.host} answers` }
}

function refused(name: string, url: URL, what: string): CheckResult {
  return {
    check: 'issuers',
    outcome: 'fail',
    detail: `${name}: ${url.host} ${what}`,
    fix: 'allow this host to reach it, or register its keys as a JWKS file',
  }
}

function discoveryAddress(issuer: string | undefined): string | undefined {
  return issuer === undefined ? undefined : `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}
