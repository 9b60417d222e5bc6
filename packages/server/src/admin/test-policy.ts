import { ServiceError } from '../errors.ts'
import {
  compileTrustPolicy,
  type PolicySnapshot,
  type PolicyTestCase,
  policyTests,
  runPolicyTests,
} from '../policy/index.ts'
import { pointerOf } from '../resources/index.ts'
import { draftOf, parseForSave } from './draft.ts'

/** What testing a policy document takes. */
export interface TestPolicyInput {
  /** An untrusted TrustPolicy document with its `tests`. */
  readonly document: unknown
  readonly snapshot: PolicySnapshot
  readonly now: Date
}

/**
 * Runs a policy document's own tests against the provider and service that are in force, without saving anything.
 * @throws ServiceError validation_failed with every fault, also for a document that names no test: it would prove nothing.
 */
export function testPolicyDocument({ document, snapshot, now }: TestPolicyInput): readonly PolicyTestCase[] {
  const parsed = parseForSave(document, 'document')
  if (!parsed.ok) throw new ServiceError('validation_failed', { problems: parsed.problems })
  if (parsed.document.kind !== 'TrustPolicy') {
    throw new ServiceError('validation_failed', { detail: 'only a TrustPolicy has tests' })
  }
  const { after: resource } = draftOf(undefined, parsed.document, now)
  if (!resource) throw new TypeError('a new document makes a resource')
  const compilation = compileTrustPolicy(resource, {
    providersByName: new Map(snapshot.providers.map((provider) => [provider.name, provider])),
    servicesByName: snapshot.services.byName,
  })
  if (!('policy' in compilation)) throw new ServiceError('validation_failed', { problems: compilation.problems })
  const tests = policyTests.safeParse(parsed.document.tests ?? [])
  if (!tests.success) {
    const problems = tests.error.issues.map(({ path, message }) => ({
      pointer: `/tests${pointerOf(path)}`,
      code: 'invalid_test',
      detail: message,
    }))
    throw new ServiceError('validation_failed', { problems })
  }
  if (tests.data.length === 0) throw new ServiceError('validation_failed', { detail: 'the document has no tests' })
  const provider = snapshot.providers.find((candidate) => candidate.id === compilation.policy.providerId)
  if (!provider) throw new ServiceError('validation_failed', { detail: 'the provider of the policy does not exist' })
  return runPolicyTests(compilation.policy, provider, tests.data, now).cases
}
