/**
 * Middleware: one decision (gate.ts) and thin adapters to Express, Fastify, Hono, fetch handlers and node:http.
 *
 * The path of a request: credential.ts finds the token, the verifier verifies it, principal.ts reads it, sender.ts compares
 * the sender with whom it is bound to, then the scopes; refusal.ts holds every answer. Adapters are entry points of their own
 * and use structural types, so that no framework is imported. To add one: present its request, send a refusal, record the
 * principal, and list it in adapters.test.ts.
 */
export type { DpopRouteOptions, ProtectOptions, RouteOptions } from './options.ts'
export type { Actor, Confirmation, Principal } from './principal.ts'
export type { Problem, Refusal } from './refusal.ts'
export type { RefusalCode, RefusalReport } from './report.ts'
export type { ResourceMetadata, ResourceMetadataOptions } from './resource-metadata.ts'
