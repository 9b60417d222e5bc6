/** Who keeps a key-encryption key. */
export type SealProviderName = 'file' | 'transit'

/** The data-encryption key of an installation as one key-encryption key has wrapped it. Useless without that key. */
export interface Wrapping {
  readonly provider: SealProviderName
  /** Names the key-encryption key without revealing it, so that the right one of several wrappings is tried. */
  readonly keyId: string
  readonly wrapped: string
}

/**
 * Keeps a key-encryption key and wraps one small secret under it (G-01, G-10). There is no way to read that key back through it
 * (G-08). `context` is authenticated where the key allows it: the same text is needed to unwrap.
 */
export interface SealProvider {
  readonly name: SealProviderName
  /** Where the key is, for people: a path, or a key of a service. Never a secret. */
  readonly location: string
  /** Makes the key if it is this installation's own and not there yet; called only for a database that is not sealed. */
  prepare?(): void
  /** Whether a wrapping says that it is of this key. @throws ServiceError seal_key_missing, seal_key_wrong */
  knows(wrapping: Wrapping): boolean
  /** @throws ServiceError seal_key_missing, seal_key_wrong, seal_refused, seal_unavailable */
  wrap(dataKey: Uint8Array, context: string): Promise<Wrapping>
  /**
   * @throws ServiceError seal_key_wrong when the wrapping is of another key, was made for another context, or was changed;
   * seal_key_missing, seal_refused, seal_unavailable when the key cannot be asked.
   */
  unwrap(wrapping: Wrapping, context: string): Promise<Uint8Array>
  /** The key itself, where databases made before there were envelopes are sealed under it. */
  legacyDataKey?(): Uint8Array
}
