/**
 * Requests that this server makes by itself to addresses of its own configuration. One path: `postJson`, bounded in time and size,
 * without redirects, cookies or proxies. What a caller of ours can choose is never an address here; proofs' issuers are fetched by
 * the SDK's client, which checks addresses as well.
 */
export { type OutboundAnswer, type OutboundFailure, type PostJsonOptions, postJson } from './post-json.ts'
