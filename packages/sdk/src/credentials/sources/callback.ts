import type { ProofRequest, ProofSource } from './types.ts'

/**
 * A source that an application writes itself: it gets the audience to ask for and a signal, and returns the proof, or undefined with
 * nothing to offer. It is called for each exchange.
 *
 * @example
 * callbackSource(async ({ audience, signal }) => await metadataToken(await audience(), signal), { name: 'metadata' })
 */
export function callbackSource(
  obtain: (request: ProofRequest) => Promise<string | undefined>,
  { name = 'callback' }: { readonly name?: string } = {},
): ProofSource {
  return {
    name,
    async find(request) {
      const rawProof = await obtain(request)
      return rawProof === undefined ? { skipped: 'it returned nothing' } : { rawProof, from: name }
    },
  }
}
