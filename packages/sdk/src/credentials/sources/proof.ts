/** Longest accepted proof, in bytes (V-03). */
export const MAX_PROOF_BYTES = 16_384

/** Whether a value can be sent as a proof: one line of visible ASCII within the limit. */
export function isProof(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_PROOF_BYTES && /^[\x21-\x7e]+$/.test(value)
}
