import { createApiClient } from '../client.ts'
import { type Cell, renderFields } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { isObject, show } from '../wire.ts'

/** The way to the server, where that was said, and who the server says is calling. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  const { target } = client
  const sentAt = context.now()
  const { body, headers } = await client.json({ method: 'GET', path: '/v1/whoami' })
  const date = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN
  const skewSeconds = Number.isNaN(date) ? null : Math.round((date - sentAt.getTime()) / 1000)
  const via = {
    server: target.via === 'server' ? target.url.href : null,
    socket: target.via === 'socket' ? target.socketPath : null,
    origin: target.origin,
    token_file: target.via === 'server' ? (settings.tokenFile?.path ?? null) : null,
    clock_skew_seconds: skewSeconds,
  }
  const document = { ...via, ...(isObject(body) ? body : {}) }
  return {
    exit: 0,
    document,
    text: (layout) =>
      renderFields(
        Object.entries(document)
          .filter(([, value]) => value !== null)
          .map(([name, value]): [string, Cell] => [
            name.replaceAll('_', ' '),
            Array.isArray(value) ? value.join(' ') : show(value),
          ]),
        layout,
      ).join('\n'),
  }
}
