import { ServiceError } from '../errors.ts'
import { type Problem, parseDocument, type ResourceKind } from '../resources/index.ts'
import { compileTrustPolicy } from './compile.ts'
import { parsePolicyTests } from './parse-tests.ts'
import { trustPolicyKind } from './schema.ts'
import { type PolicyTestCase, runPolicyTests } from './tests-block.ts'
import type { PolicySnapshot } from './types.ts'

function refuse(problems: readonly Problem[]): never {
  throw new ServiceError('validation_failed', { problems })
}

/**
 * Runs the `tests` of an untrusted policy document against the providers and services of a snapshot; nothing is saved.
 * @throws ServiceError validation_failed with each fault of the document
 */
export function testPolicyDocument(input: {
  document: unknown
  snapshot: PolicySnapshot
  now: Date
}): readonly PolicyTestCase[] {
  const { snapshot, now } = input
  const outcome = parseDocument(input.document, [trustPolicyKind as unknown as ResourceKind])
  if (!outcome.ok) refuse(outcome.problems)
  const { document } = outcome
  const references = {
    providersByName: new Map(snapshot.providers.map((provider) => [provider.name, provider])),
    servicesByName: snapshot.services.byName,
  }
  const tests = parsePolicyTests(document)
  const compilation = compileTrustPolicy(
    { id: 'new', document, revision: 0, enabled: true, createdAt: now, updatedAt: now },
    references,
  )
  const problems = [
    ...('problems' in compilation ? compilation.problems : []),
    ...('problems' in tests ? tests.problems : []),
  ]
  if (!('policy' in compilation) || !('tests' in tests)) refuse(problems)
  const { policy } = compilation
  const provider = snapshot.providers.find((candidate) => candidate.id === policy.providerId)
  if (!provider) refuse(problems)
  return runPolicyTests(policy, provider, tests.tests, now).cases
}
