// The orders API as a workload of its own: it federates to follow the revocations of its service, and holds no secret.
import process from 'node:process'
import { createCredentialClient } from '@countersign/sdk/credentials'
import { createFollower, type FollowerEvent } from '@countersign/sdk/follow'
import { createTokenVerifier } from '@countersign/sdk/verify'
import { createApp } from './app.ts'

// The defaults are those of `npm run quickstart -- --keep`.
const { ISSUER = 'http://127.0.0.1:8700', AUDIENCE = 'https://orders.acme.example', PORT = '8720' } = process.env
const { SERVICE = 'orders-api', SNAPSHOT_FILE } = process.env

/** What an operator should see: `error` is what somebody is woken for. */
const LEVELS: Readonly<Record<FollowerEvent['type'], 'info' | 'warn' | 'error'>> = {
  lease_gained: 'info',
  stream_opened: 'info',
  stream_closed: 'info',
  renewal_failed: 'warn',
  snapshot_failed: 'warn',
  lease_lost: 'error',
  history_changed: 'error',
  accepted_without_lease: 'error',
}

// No event and no report holds a token: safe to log.
function log(level: string, type: string, facts: object): void {
  process.stderr.write(`${JSON.stringify({ level, type, ...facts })}\n`)
}

const credentials = createCredentialClient({
  server: ISSUER,
  audience: `${ISSUER}/v1`,
  scope: `verify:${SERVICE}`,
})
const revocations = createFollower({
  server: ISSUER,
  service: SERVICE,
  credentials,
  ...(SNAPSHOT_FILE !== undefined && { snapshotFile: SNAPSHOT_FILE }),
  onEvent: (event) => {
    const error = 'error' in event ? { error: event.error?.code } : {}
    log(LEVELS[event.type], event.type, { ...event, ...error })
  },
})
const verifier = createTokenVerifier({
  issuer: ISSUER,
  audience: AUDIENCE,
  cache: true,
  revocations,
  // Only for an issuer on this machine; a real one is https, and then this does nothing.
  remote: { allowLoopbackHttp: ISSUER.startsWith('http://127.0.0.1:') },
})

const app = createApp({
  verifier,
  issuer: ISSUER,
  audience: AUDIENCE,
  onRefusal: (report) => log('info', 'refused', report),
})
const server = app.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : PORT
  process.stdout.write(`orders API on http://127.0.0.1:${port}, follows revocations of ${ISSUER}\n`)
})

process.once('SIGTERM', () => {
  server.close(async () => {
    // Leaves the rest of the lease to the next process in the file, or gives it back.
    await revocations.close()
    verifier.close()
    credentials.close()
  })
})
