/** Where the quickstart's parts listen. */
export interface QuickstartAddresses {
  readonly service: string
  readonly github: string
  readonly kubernetes: string
  readonly orders: string
}

/** Immutable ids of service accounts in the emulated cluster, which policies pin beside the names. */
export interface ServiceAccountUids {
  readonly nightly: string
  readonly ordersApi: string
}

/** The audience of the demo API. */
export const ORDERS_AUDIENCE = 'https://orders.acme.example'

/** The process configuration of the quickstart's service. */
export function configText({ service }: QuickstartAddresses): string {
  return `# How to run: the process configuration. What is allowed is in config/, applied through the API and audited.
issuer: ${service}
listen: { host: 127.0.0.1, port: ${new URL(service).port} }
dataDirectory: ./data
log: { level: warn }
`
}

/** The objects of the quickstart by file name: who is trusted, what may be reached, who may reach it. */
export function documentFiles(
  { service, github, kubernetes }: QuickstartAddresses,
  { nightly, ordersApi }: ServiceAccountUids,
): Readonly<Record<string, string>> {
  return {
    'owners.yaml': `apiVersion: countersign/v1
kind: Team
metadata: { name: platform }
spec: { contact: platform@acme.example }
---
apiVersion: countersign/v1
kind: Team
metadata: { name: orders }
spec: { contact: orders@acme.example }
`,
    'providers.yaml': `# Emulated issuers on this machine. For the real GitHub the issuer is https://token.actions.githubusercontent.com
# and \`network\` goes away.
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: github-acme, owner: team:platform, purpose: CI of the acme organisation, reviewBy: 2027-05-01 }
spec:
  preset: github-actions
  issuer: ${github}
  audience: ${service}
  require: { repository_owner_id: "123456" }
  network: { allowLoopbackHttp: true }
---
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: cluster-a, owner: team:platform, purpose: workloads of cluster a, reviewBy: 2027-05-01 }
spec:
  preset: kubernetes
  issuer: ${kubernetes}
  audience: ${service}
  require: { namespace: reports }
  network: { allowLoopbackHttp: true }
`,
    'orders.yaml': `apiVersion: countersign/v1
kind: Service
metadata: { name: orders-api, owner: team:orders, purpose: takes orders, environment: production }
spec:
  audience: ${ORDERS_AUDIENCE}
  scopes: [orders:read, orders:write, orders:deploy]
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: deploy-orders, owner: team:orders, purpose: deploys the orders API, environment: production, reviewBy: 2027-05-01 }
spec:
  provider: github-acme
  match:
    repository_owner_id: "123456"
    repository_id: "456789"
    ref: refs/heads/main
    environment: production
    job_workflow_ref: acme/deploy/.github/workflows/release.yml@refs/heads/main
    event_name: { in: [push] }
  grant: { service: orders-api, scopes: [orders:deploy], ttl: 15m }
  limits: { maxProofAge: 5m }
  mode: enforce
tests:
  - allow:
      repository_owner_id: "123456"
      repository_id: "456789"
      ref: refs/heads/main
      environment: production
      event_name: push
      job_workflow_ref: acme/deploy/.github/workflows/release.yml@refs/heads/main
  - deny: { change: { event_name: pull_request_target } }
  - deny: { change: { ref: refs/heads/feature } }
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: nightly-report, owner: team:orders, purpose: reads orders for the nightly report, environment: production, reviewBy: 2027-05-01 }
spec:
  provider: cluster-a
  match:
    namespace: reports
    serviceaccount: nightly
    serviceaccount_uid: ${nightly}
  grant: { service: orders-api, scopes: [orders:read], ttl: 10m }
  mode: enforce
tests:
  - allow: { namespace: reports, serviceaccount: nightly, serviceaccount_uid: ${nightly} }
  - deny: { change: { serviceaccount: default } }
  - deny: { change: { namespace: kube-system } }
---
# A verifier is a workload like any other: it may follow the revocations of the one service that it verifies for.
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: orders-api-verifier, owner: team:orders, purpose: the orders API follows revocations, environment: production, reviewBy: 2027-05-01 }
spec:
  provider: cluster-a
  match:
    namespace: reports
    serviceaccount: orders-api
    serviceaccount_uid: ${ordersApi}
  grant: { service: countersign-management, scopes: ["verify:orders-api"], ttl: 15m }
  mode: enforce
tests:
  - allow: { namespace: reports, serviceaccount: orders-api, serviceaccount_uid: ${ordersApi} }
  - deny: { change: { serviceaccount: nightly } }
`,
  }
}
