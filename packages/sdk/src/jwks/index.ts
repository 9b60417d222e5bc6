/**
 * An issuer's keys over the network, fetched by a client that cannot be turned against its own network.
 *
 * One path: `createRemoteKeySet` decides when to ask, discovery.ts where, url.ts and address.ts whether that place may be
 * connected to, fetch-json.ts does it. Every limit of time and size is in fetch-json.ts and beside the document it is for.
 */
export { type AddressClass, type AddressRule, classifyAddress, isAddressAllowed, isPublicAddress } from './address.ts'
export type { FetchOptions, Lookup, ResolvedAddress } from './fetch-json.ts'
export type { KeyName, KeySetChange } from './key-set-change.ts'
export { createRemoteKeySet } from './remote-key-set.ts'
export type { KeySetAlarm, RemoteKeySetOptions } from './remote-options.ts'
export { type FetchTarget, parseFetchUrl, parseIssuerUrl, type UrlRules } from './url.ts'
