import type { HttpRoute } from './context.ts'

/** One thing that must hold for the server to do its work. Resolves to undefined, or to what is wrong. */
export interface ReadinessCheck {
  readonly name: string
  run(): Promise<string | undefined>
}

/**
 * `/healthz`: the process answers. `/readyz`: every check holds, 503 with the reasons otherwise. Both public: names and reasons
 * say nothing that an outsider could use, and never hold an error's text.
 */
export function createHealthRoutes(checks: readonly ReadinessCheck[]): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/healthz', anyHost: true, respond: (c) => c.json({ status: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      anyHost: true,
      async respond(c) {
        const results = await Promise.all(
          checks.map(async ({ name, run }) => {
            const fault = await run().catch(() => 'the check failed')
            return { name, ok: fault === undefined, ...(fault === undefined ? {} : { detail: fault }) }
          }),
        )
        const ready = results.every((result) => result.ok)
        return c.json({ status: ready ? 'ready' : 'not_ready', checks: results }, ready ? 200 : 503)
      },
    },
  ]
}
