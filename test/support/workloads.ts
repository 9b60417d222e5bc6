/**
 * Several workloads of one issuer of proofs, told apart by the id of their repository, each with a policy of its own: for end-to-end tests
 * in which callers with different rights meet.
 */
import { documentsFor, type ProofIssuer } from './proofs.ts'

/** What a workload may get. */
export interface WorkloadGrant {
  readonly service: string
  readonly scopes: readonly string[]
  readonly limits?: Readonly<Record<string, unknown>>
}

/** A further service. */
export interface FurtherService {
  readonly name: string
  readonly audience: string
  readonly scopes: readonly string[]
}

/** The repository of a workload, as a claim of its proofs. */
export function repositoryOf(workload: string): string {
  return `7${Buffer.from(workload).toString('hex')}`.replaceAll(/[a-f]/g, '0')
}

/** {@link documentsFor}, further services, and one policy for each workload. JSON is YAML. */
export function documentsWithWorkloads(
  proofs: ProofIssuer,
  services: readonly FurtherService[],
  workloads: Readonly<Record<string, WorkloadGrant>>,
): string {
  const metadata = { owner: 'team:platform', purpose: 'an end-to-end test', environment: 'production' }
  const documents: readonly object[] = [
    ...services.map(({ name, ...spec }) => ({ kind: 'Service', metadata: { name, ...metadata }, spec })),
    ...Object.entries(workloads).map(([name, { limits, ...grant }]) => ({
      kind: 'TrustPolicy',
      metadata: { name: `policy-${name}`, reviewBy: '2099-05-01', ...metadata },
      spec: {
        provider: 'github-acme',
        match: {
          repository_owner_id: '123456',
          repository_id: repositoryOf(name),
          ref: 'refs/heads/main',
          environment: 'production',
          event_name: { in: ['push'] },
        },
        grant: { ...grant, ttl: '15m' },
        ...(limits ? { limits } : {}),
        mode: 'enforce',
      },
    })),
  ]
  const lines = documents.map((document) => JSON.stringify({ apiVersion: 'countersign/v1', ...document }))
  return [documentsFor(proofs).trimEnd(), ...lines].join('\n---\n')
}
