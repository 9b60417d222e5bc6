import { resolve } from 'node:path'
import { cliFault } from '../faults.ts'
import { findServerOptions } from '../server-options.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'

/** One half of a rotation of the key-encryption key, on the database of the configuration. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const to = invocation.option('to')
  const finish = invocation.flag('finish')
  if (finish && to !== undefined) {
    throw cliFault('usage', '--to and --finish are the two halves', {
      fix: 'roll the other configuration out in between',
    })
  }
  const options = await findServerOptions(settings, context)
  const seal = await context.modules.seal()
  const { opens, closed } = finish
    ? await seal.finishRotation(options)
    : await seal.rotateSealKey({ ...options, ...(to === undefined ? {} : { to: resolve(context.cwd, to) }) })
  const names = (keys: typeof opens) => keys.map(({ provider, keyId }) => `${provider} ${keyId}`)
  const wire = (keys: typeof opens) => keys.map(({ provider, keyId }) => ({ provider, key_id: keyId }))
  const lines = [
    `the database opens with ${names(opens).join(' and ')}`,
    ...(closed.length > 0 ? [`and no more with ${names(closed).join(' and ')}`] : []),
  ]
  return {
    exit: 0,
    document: { opens: wire(opens), closed: wire(closed) },
    text: () => lines.map((line) => printable(line)).join('\n'),
    ...(opens.length > 1
      ? { notes: ['roll the other configuration out, then run `countersign seal rotate --finish` with it'] }
      : {}),
  }
}
