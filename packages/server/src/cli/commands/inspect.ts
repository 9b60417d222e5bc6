import type { JsonValue } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { type DecodedToken, decodeToken } from '../decode-token.ts'
import { EXITS } from '../exits.ts'
import { CliFault, cliFault } from '../faults.ts'
import { renderExplanation } from '../render-explanation.ts'
import { type Cell, hang, type Layout, renderFields } from '../terminal/index.ts'
import { readTokenFile } from '../token-file.ts'
import type { CommandRun } from '../types.ts'
import { member, show, text } from '../wire.ts'

/**
 * What is wrong with a token: what can be seen here, then what the strict verifier and the policies of the server say.
 * Exit 0 only when the server would grant it (or, with `--offline`, when nothing is visibly wrong).
 */
export const run: CommandRun = async (invocation) => {
  const {
    arguments: [path = '-'],
    settings,
    context,
  } = invocation
  const token = await readTokenFile(path, 'the token', context)
  const decoded = decodeToken(token, context.now())
  if ('malformed' in decoded) {
    throw cliFault('input_invalid', `the token is not a JWT: ${decoded.malformed}`, {
      fix: "give the platform's token unchanged, without quotes or `Bearer`",
    })
  }
  const asked = invocation.flag('offline') ? undefined : await ask(token)
  const failed = decoded.remarks.some((remark) => remark.severity === 'error')
  const document = {
    header: decoded.unverifiedHeader,
    claims: decoded.unverifiedClaims,
    remarks: decoded.remarks.map((remark) => ({ ...remark })),
    signature: asked && 'verdict' in asked ? 'judged by the server' : 'not verified',
    verdict: asked && 'verdict' in asked ? asked.verdict : null,
  }
  return {
    exit: exitOf(),
    document,
    text: (layout) => render(decoded, asked && 'verdict' in asked ? asked.verdict : undefined, layout),
    ...(asked && 'unreachable' in asked ? { notes: [`the server was not asked: ${asked.unreachable}`] } : {}),
  }

  function exitOf(): number {
    if (asked && 'verdict' in asked) return text(member(asked.verdict, 'outcome')) === 'allowed' ? EXITS.yes : EXITS.no
    if (failed) return EXITS.no
    // Decoding alone never says yes to a signature.
    return asked ? EXITS.unavailable : EXITS.yes
  }

  async function ask(proof: string): Promise<{ verdict: JsonValue } | { unreachable: string }> {
    try {
      const client = await createApiClient(settings, context)
      const { body } = await client.json({
        method: 'POST',
        path: '/v1/inspect',
        repeatable: true,
        body: { token: proof },
      })
      return { verdict: body }
    } catch (error) {
      if (error instanceof CliFault && error.exit === EXITS.unavailable)
        return { unreachable: error.detail ?? error.title }
      throw error
    }
  }
}

function render(decoded: DecodedToken, verdict: JsonValue | undefined, layout: Layout): string {
  const lines: string[] = []
  if (verdict !== undefined) lines.push(renderExplanation(verdict, layout).trimEnd(), '')
  lines.push(layout.paint('strong', verdict === undefined ? 'HEADER  signature NOT verified' : 'HEADER'))
  lines.push(...renderFields(fieldsOf(decoded.unverifiedHeader), layout, { indent: 2 }))
  lines.push(
    '',
    layout.paint('strong', 'CLAIMS'),
    ...renderFields(fieldsOf(decoded.unverifiedClaims), layout, { indent: 2 }),
  )
  if (decoded.remarks.length > 0) lines.push('', layout.paint('strong', 'REMARKS'))
  for (const { severity, detail } of decoded.remarks) {
    const mark = severity === 'error' ? 'X ' : '! '
    lines.push(...hang(`  ${layout.paint(severity === 'error' ? 'bad' : 'caution', mark)}`, detail, layout, 4))
  }
  return lines.join('\n')
}

function fieldsOf(object: Readonly<Record<string, JsonValue>>): [string, Cell][] {
  return Object.entries(object).map(([name, value]) => [name, withInstant(name, value)])
}

function withInstant(name: string, value: JsonValue): string {
  const isInstant =
    ['exp', 'nbf', 'iat', 'auth_time'].includes(name) && typeof value === 'number' && Math.abs(value) < 8.64e12
  return isInstant ? `${value}  (${new Date(value * 1000).toISOString()})` : show(value)
}
