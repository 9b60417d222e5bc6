import { parseDurationMs } from '../../lib/index.ts'
import { type ApiClient, createApiClient } from '../client.ts'
import { type ExchangedToken, requestToken } from '../exchange-request.ts'
import { EXITS } from '../exits.ts'
import { cliFault } from '../faults.ts'
import { createPrivateFile } from '../private-file.ts'
import { findProof, type Proof, type SourceName } from '../proof-sources/index.ts'
import { runWithToken } from '../run-with-token.ts'
import { createLayout, type Layout, printable, renderFields } from '../terminal/index.ts'
import type { CommandRun, Invocation } from '../types.ts'
import { member, text } from '../wire.ts'

/**
 * Exchanges the platform's proof for an access token and hands it on as asked: to a command, a file or a pipe. Without one of
 * these it only says what came of it; the token is never printed by default.
 */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const plan = parsePlan(invocation)
  // The file is made before the proof is used up: a proof may be good for one exchange only.
  const file = plan.outFile === undefined ? undefined : await createPrivateFile(plan.outFile, context)
  let kept = false
  try {
    const client = await createApiClient(settings, context)
    const proof = await findProof(
      {
        audience: async () => plan.proofAudience ?? (await defaultAudience(client)),
        proofFile: invocation.option('proof-file'),
        timeoutMs: settings.timeoutMs,
        context,
      },
      plan.source,
    )
    if (settings.verbose > 0) for (const line of proof.skipped) context.stderr.write(`skipped  ${printable(line)}\n`)
    const token = await requestToken(client, { ...plan, rawProof: proof.rawProof })
    if (file) {
      await file.write(token.rawToken)
      kept = true
    }
    if (plan.trailing) {
      if (!settings.quiet) {
        context.stderr.write(
          `${render(proof, token, 'given to the command', createLayout(context.stderr, { colour: settings.colour, wide: false }))}\n`,
        )
      }
      return { exit: await runWithToken(plan.trailing, token.rawToken, plan.env, context), streamed: true }
    }
    if (plan.show && settings.output === 'table') {
      if (!settings.quiet) {
        context.stderr.write(
          `${render(proof, token, 'printed', createLayout(context.stderr, { colour: settings.colour, wide: false }))}\n`,
        )
      }
      context.stdout.write(`${token.rawToken}\n`)
      return { exit: EXITS.yes, streamed: true }
    }
    const shown = plan.outFile === undefined ? 'not shown' : `in ${plan.outFile}, mode 0600`
    return {
      exit: EXITS.yes,
      document: {
        source: proof.source,
        source_detail: proof.from,
        skipped: proof.skipped,
        ...token.facts,
        out_file: plan.outFile ?? null,
        ...(plan.show ? { access_token: token.rawToken } : {}),
      },
      text: (layout) => render(proof, token, shown, layout),
    }
  } finally {
    await file?.close(kept)
  }
}

interface Plan {
  readonly audience: string | undefined
  readonly resource: string | undefined
  readonly scopes: readonly string[]
  readonly ttlSeconds: number | undefined
  readonly source: SourceName | undefined
  readonly proofAudience: string | undefined
  readonly outFile: string | undefined
  readonly env: string | undefined
  readonly show: boolean
  readonly trailing: readonly string[] | undefined
}

// Everything that can be wrong with the line is found before a proof is asked for.
function parsePlan(invocation: Invocation): Plan {
  const usage = (detail: string, fix: string) => cliFault('usage', detail, { fix })
  const audience = invocation.option('audience')
  const resource = invocation.option('resource')
  if (audience === undefined && resource === undefined) {
    throw usage(
      'exchange needs --audience',
      'name the audience of the service: --audience https://orders.acme.internal',
    )
  }
  const ttl = invocation.option('ttl')
  const ttlMs = ttl === undefined ? undefined : parseDurationMs(ttl)
  if (ttl !== undefined && (ttlMs === undefined || ttlMs < 1000))
    throw usage('--ttl needs a duration', 'write --ttl 5m')
  const named = invocation.option('source')
  const source = named === 'github' || named === 'kubernetes' || named === 'file' ? named : undefined
  const proofFile = invocation.option('proof-file')
  if (proofFile !== undefined && source !== undefined && source !== 'file') {
    throw usage(`--proof-file and --source ${source} name two proofs`, 'give one of them')
  }
  const env = invocation.option('env')
  const { trailing } = invocation
  if (trailing?.length === 0) throw usage('no command after --', 'write the command after --, or leave -- out')
  if (env !== undefined && !trailing) throw usage('--env needs a command', 'add -- CMD')
  if (env !== undefined && !/^[A-Za-z_][A-Za-z0-9_]{0,100}$/.test(env)) {
    throw usage('--env needs the name of a variable', 'write --env ORDERS_TOKEN')
  }
  const outFile = invocation.option('out-file')
  const show = invocation.flag('show-token')
  if ([trailing !== undefined, outFile !== undefined, show].filter(Boolean).length > 1) {
    throw usage('a command, --out-file and --show-token exclude each other', 'choose one')
  }
  if (show && invocation.context.stdout.isTTY) {
    throw usage('--show-token would print the token to a terminal', 'pipe it, or use --out-file')
  }
  return {
    audience,
    resource,
    scopes: invocation.options('scope'),
    ttlSeconds: ttlMs === undefined ? undefined : Math.floor(ttlMs / 1000),
    source,
    proofAudience: invocation.option('proof-audience'),
    outFile,
    env,
    show,
    trailing,
  }
}

// Only what the caller named, never what a remote server says of itself: a hostile server would ask for a proof that
// another relying party accepts, and present it there. The local socket's server is this host's own.
async function defaultAudience(client: ApiClient): Promise<string> {
  if (client.target.via === 'server') return client.target.url.href.replace(/\/+$/, '')
  const path = '/.well-known/oauth-authorization-server'
  const { body } = await client.json({ method: 'GET', path, anonymous: true })
  const issuer = text(member(body, 'issuer'))
  if (issuer === undefined) throw cliFault('unexpected_answer', 'the metadata names no issuer')
  return issuer
}

function render(proof: Proof, token: ExchangedToken, where: string, layout: Layout): string {
  const { facts } = token
  const scope = facts.scope === null || facts.scope === '' ? 'no scope' : `scope ${facts.scope}`
  const kid = facts.kid === null ? '' : `, signed by kid ${facts.kid}`
  return renderFields(
    [
      ['source', `${proof.source} (${proof.from})`],
      [
        'decision',
        ['allowed', facts.policy_id && `policy ${facts.policy_id}`, facts.event_id].filter(Boolean).join('   '),
      ],
      [
        'issued',
        `access token for ${facts.audience ?? '?'}, ${scope}, ${facts.expires_in ?? '?'} s${kid}; token ${where}`,
      ],
    ],
    layout,
  ).join('\n')
}
