import { z } from 'zod'
import type { ResourceKind } from '../resources/index.ts'

/** The spec of a Workload document. */
export type WorkloadSpec = { readonly subject: string }

/**
 * A workload that somebody has registered: the URI under which tokens name it (`sub`), with an owner and an environment.
 * Registering admits nothing; what a workload may do is said by trust policies alone.
 */
export const workloadKind: ResourceKind<WorkloadSpec> = {
  kind: 'Workload',
  plural: 'workloads',
  idPrefix: 'wl',
  spec: z.strictObject({
    subject: z
      .string()
      .max(1024)
      .regex(/^countersign:\/\/[\x21-\x7e]+\/workload\/[\x21-\x7e]+$/, {
        error: 'the URI that `countersign explain` shows: countersign://ISSUER_HOST/workload/PROVIDER_ID/...',
      })
      .describe("The workload's URI, the `sub` of its tokens"),
  }),
  hasTests: false,
  requiredMetadata: ['owner', 'purpose', 'environment'],
  summary: 'A workload that is known by name, with an owner and an environment.',
}
