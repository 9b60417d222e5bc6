import { confirm } from '../confirm.ts'
import { cliFault } from '../faults.ts'
import { findServerOptions } from '../server-options.ts'
import { renderTable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'

/** Destroys what a lost key-encryption key sealed, and makes new keys. Asks for more than `--yes`. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const reason = invocation.option('reason')
  if (reason === undefined) throw cliFault('usage', 'seal reset needs --reason', { fix: 'write --reason TEXT' })
  if (!invocation.flag('destroy-private-keys')) {
    throw cliFault('confirmation_needed', 'seal reset destroys every private key of this installation', {
      fix: 'look for a copy of the key first; if there is none, add --destroy-private-keys',
    })
  }
  await confirm('destroy every private key of this installation? It cannot be undone.', invocation)
  const { resetSealKey } = await context.modules.seal()
  const { abandoned, made } = await resetSealKey({ ...(await findServerOptions(settings, context)), reason })
  const rows = [
    ...abandoned.map(({ kid, purpose, state }) => [kid, purpose, `private half destroyed, ${state}`]),
    ...made.map(({ kid, purpose }) => [kid, purpose, 'signs from the next start']),
  ]
  return {
    exit: 0,
    document: {
      abandoned: abandoned.map(({ kid, purpose, state }) => ({ kid, purpose, state })),
      made: made.map(({ kid, purpose, alg }) => ({ kid, purpose, alg })),
    },
    text: (layout) => renderTable(['KID', 'PURPOSE', 'NOW'], rows, layout).join('\n'),
    notes: [
      'start the server, and give auditors the new key of the log: `countersign audit export` has it in its first line',
    ],
  }
}
