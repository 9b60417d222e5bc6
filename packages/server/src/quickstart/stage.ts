import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { systemNow } from '../lib/index.ts'
import { type RunningServer, startServer } from '../server.ts'
import { configText, documentFiles, type QuickstartAddresses, type ServiceAccountUids } from './documents.ts'
import {
  DEPLOY_JOB,
  FORK_PULL_REQUEST_JOB,
  type GithubIssuer,
  type KubernetesIssuer,
  startGithubIssuer,
  startKubernetesIssuer,
} from './issuers/index.ts'
import { type OrdersApi, startOrdersApi } from './orders-api.ts'

const FIRST_PORT = 8700

/** Everything that runs on the quickstart's stage. */
export interface Stage {
  readonly directory: string
  readonly addresses: QuickstartAddresses
  readonly github: GithubIssuer
  readonly kubernetes: KubernetesIssuer
  readonly server: RunningServer
  readonly orders: OrdersApi
  close(): Promise<void>
}

/** The caller of the demo API: reads the token from the file that `countersign exchange` gives it. */
const CALLER = `// What a workload does with its credential: read it from the file that \`countersign exchange\` names, send it, forget it.
import { readFileSync } from 'node:fs'
const token = readFileSync(process.env.COUNTERSIGN_TOKEN_FILE, 'utf8').trim()
const answer = await fetch(process.argv[2], { headers: { authorization: \`Bearer \${token}\` } })
console.log(answer.status, await answer.text())
process.exit(answer.ok ? 0 : 1)
`

/**
 * Sets the stage in a directory: service, emulated issuers, demo API, configuration and documents as files. All on loopback.
 * A second run keeps the database and its key; ports that are taken move up.
 */
export async function setStage(directory: string): Promise<Stage> {
  mkdirSync(join(directory, 'config'), { recursive: true, mode: 0o700 })
  mkdirSync(join(directory, 'jobs'), { recursive: true, mode: 0o700 })
  const opened: (() => Promise<void>)[] = []
  const close = async () => {
    for (const end of opened.reverse()) await end()
  }
  try {
    const [port, githubPort, kubernetesPort, ordersPort] = await freePorts(FIRST_PORT, 4)
    const github = await startGithubIssuer({ port: githubPort, now: systemNow })
    opened.push(() => github.close())
    const kubernetes = await startKubernetesIssuer({ port: kubernetesPort, now: systemNow })
    opened.push(() => kubernetes.close())
    const service = `http://127.0.0.1:${port}`
    const addresses = {
      service,
      github: github.issuer,
      kubernetes: kubernetes.issuer,
      orders: `http://127.0.0.1:${ordersPort}`,
    }
    const configFile = join(directory, 'countersign.yaml')
    writeFileSync(configFile, configText(addresses))
    for (const [name, content] of Object.entries(documentFiles(addresses, uidsOf(kubernetes, service))))
      writeFileSync(join(directory, 'config', name), content)
    const server = await startServer({ configFile })
    opened.push(() => server.stop())
    const orders = await startOrdersApi({
      port: ordersPort,
      issuer: service,
      proofFile: join(directory, 'jobs', 'orders-api.token'),
    })
    opened.push(() => orders.close())
    await writeJobs(directory, addresses, github, kubernetes)
    return { directory, addresses, github, kubernetes, server, orders, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function writeJobs(
  directory: string,
  { service }: QuickstartAddresses,
  github: GithubIssuer,
  kubernetes: KubernetesIssuer,
): Promise<void> {
  const jobs = { deploy: DEPLOY_JOB, 'fork-pr': FORK_PULL_REQUEST_JOB }
  for (const [name, claims] of Object.entries(jobs)) {
    const variables = Object.entries(github.createJob(claims)).map(([variable, value]) => `${variable}=${value}`)
    writeFileSync(join(directory, 'jobs', `${name}.env`), `${variables.join('\n')}\n`, { mode: 0o600 })
  }
  writeFileSync(join(directory, 'jobs', 'call-orders.mjs'), CALLER)
  for (const serviceAccount of ['nightly', 'orders-api']) {
    const path = join(directory, 'jobs', `${serviceAccount}.token`)
    await kubernetes.writeToken({ namespace: 'reports', serviceAccount, audience: service, path })
  }
}

/** The uids that the cluster puts into the tokens of its service accounts: what a policy should pin beside the name. */
function uidsOf(kubernetes: KubernetesIssuer, audience: string): ServiceAccountUids {
  const uidOf = (serviceAccount: string) => {
    const claims = kubernetes.tokenClaims({ namespace: 'reports', serviceAccount, audience })
    const nested = claims['kubernetes.io'] as { readonly serviceaccount?: { readonly uid?: string } } | undefined
    return nested?.serviceaccount?.uid ?? ''
  }
  return { nightly: uidOf('nightly'), ordersApi: uidOf('orders-api') }
}

/** `count` neighbouring free ports, the first at or above `from`. */
async function freePorts(from: number, count: 4): Promise<[number, number, number, number]> {
  for (let first = from; first < from + 400; first += 10) {
    const ports = Array.from({ length: count }, (_, index) => first + index)
    const free = await Promise.all(ports.map(isFree))
    const [a, b, c, d] = ports
    if (free.every(Boolean) && a && b && c && d) return [a, b, c, d]
  }
  throw new Error(`no four free ports from ${from} on 127.0.0.1`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const probe = createServer()
    probe.once('error', () => answer(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
  })
}
