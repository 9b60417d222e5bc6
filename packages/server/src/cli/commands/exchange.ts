import { parseDurationMs } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { toExchangeFault } from '../exchange-faults.ts'
import { createTokenRequest, factsOf, type TokenFacts, type TokenRequest } from '../exchange-request.ts'
import { EXITS } from '../exits.ts'
import { type CliFault, cliFault } from '../faults.ts'
import { createPrivateFile } from '../private-file.ts'
import { SOURCE_NAMES, type SourceName } from '../proof-sources/index.ts'
import { runWithToken, type TokenFeed } from '../run-with-token.ts'
import { createLayout, type Layout, printable, renderFields } from '../terminal/index.ts'
import type { CommandRun, Invocation } from '../types.ts'

/**
 * Exchanges the platform's proof for an access token and hands it on as asked: to a command, a file or a pipe. Without one of
 * these it only says what came of it; the token is never printed by default.
 */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const plan = parsePlan(invocation)
  let write: ((rawToken: string) => void) | undefined
  const warn = (text: string) => {
    if (!settings.quiet && !context.signal.aborted) context.stderr.write(`warning: ${printable(text)}\n`)
  }
  const request = createTokenRequest(
    await createApiClient(settings, context),
    {
      ...plan,
      // What has been read from stdin cannot be read again.
      keepFresh: plan.trailing !== undefined && plan.proofFile !== '-',
      onToken: ({ accessToken }) => write?.(accessToken),
      onRefreshFailed: (error) => warn(describeFailedRefresh(toExchangeFault(error, request.list, context))),
    },
    settings,
    context,
  )
  // The file is made before the proof is used up: a proof may be good for one exchange only.
  const file = plan.outFile === undefined ? undefined : await createPrivateFile(plan.outFile, context)
  let kept = false
  try {
    const token = await request.token().finally(() => {
      if (settings.verbose === 0 || request.list.found() === undefined) return
      for (const line of skippedLines(request)) context.stderr.write(`skipped  ${printable(line)}\n`)
    })
    const proof: Proof = { ...(request.list.found() ?? { source: '?', from: '?' }), skipped: skippedLines(request) }
    const facts = factsOf(token)
    const shownAs = (where: string, layout: Layout) => render(proof, facts, where, layout)
    const say = (where: string) => {
      if (settings.quiet) return
      const layout = createLayout(context.stderr, { colour: settings.colour, wide: false })
      context.stderr.write(`${shownAs(where, layout)}\n`)
    }
    if (file) {
      await file.write(token.accessToken)
      kept = true
    }
    if (plan.trailing) {
      say('given to the command')
      const feed: TokenFeed = {
        first: token.accessToken,
        subscribe(writeToken) {
          write = writeToken
          return () => {
            write = undefined
          }
        },
        onWriteFailed: (code) => warn(`the renewed token cannot be written (${code})`),
      }
      return { exit: await runWithToken(plan.trailing, feed, plan.env, context), streamed: true }
    }
    if (plan.show && settings.output === 'table') {
      say('printed')
      context.stdout.write(`${token.accessToken}\n`)
      return { exit: EXITS.yes, streamed: true }
    }
    const shown = plan.outFile === undefined ? 'not shown' : `in ${plan.outFile}, mode 0600`
    return {
      exit: EXITS.yes,
      document: {
        source: proof.source,
        source_detail: proof.from,
        skipped: proof.skipped,
        ...facts,
        out_file: plan.outFile ?? null,
        ...(plan.show ? { access_token: token.accessToken } : {}),
      },
      text: (layout) => shownAs(shown, layout),
    }
  } finally {
    request.close()
    await file?.close(kept)
  }
}

/** Where the proof came from, and why not from elsewhere. */
interface Proof {
  readonly source: string
  readonly from: string
  readonly skipped: readonly string[]
}

function skippedLines({ list }: TokenRequest): readonly string[] {
  return list.skipped().map((line) => line.join(': '))
}

function describeFailedRefresh({ title, detail, id }: CliFault): string {
  const why = [title, detail].filter((part) => part !== undefined).join(': ')
  return `the token could not be renewed and is tried again: ${why}${id === undefined ? '' : `  id ${id}`}`
}

interface Plan {
  readonly audience: string | undefined
  readonly resource: string | undefined
  readonly scopes: readonly string[]
  readonly ttlSeconds: number | undefined
  readonly source: SourceName | undefined
  readonly proofFile: string | undefined
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
  const source = SOURCE_NAMES.find((name) => name === named)
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
    proofFile,
    proofAudience: invocation.option('proof-audience'),
    outFile,
    env,
    show,
    trailing,
  }
}

function render(proof: Proof, facts: TokenFacts, where: string, layout: Layout): string {
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
