import { Buffer } from 'node:buffer'
import { canonicalJson, type JsonObject, type JsonValue } from '../lib/index.ts'
import type { AuditEvent } from './types.ts'

/** The most bytes that one event may take as canonical JSON. */
export const MAX_EVENT_BYTES = 8192

const FORMAT = 1
const ID = /^evt_[0-9a-z]{1,40}$/
const KIND = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+$/
const INSTANT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/
// No control character, space or quote can reach a column, a log line or a terminal through these.
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/
const OUTCOMES: ReadonlySet<string> = new Set(['allowed', 'denied', 'done', 'failed'])

/**
 * The canonical bytes (RFC 8785) of an event: what is stored, hashed and exported. Equal events give equal bytes.
 * The members are `actor at data id kind outcome v workload_id?`; `at` is RFC 3339 in UTC with milliseconds, `v` the format.
 * @throws TypeError above 8 KiB, for a lone surrogate anywhere, and for an id, kind, actor or outcome outside its grammar.
 */
export function encodeEvent(event: AuditEvent): Uint8Array {
  if (!ID.test(event.id)) throw new TypeError('an event id is evt_ and lower-case letters and digits')
  if (!KIND.test(event.kind)) throw new TypeError('an event kind is a dotted lower-case noun and verb')
  if (!OUTCOMES.has(event.outcome)) throw new TypeError('an event outcome is allowed, denied, done or failed')
  if (!NAME.test(event.actor)) throw new TypeError('an event actor is 1 to 256 printable ASCII characters')
  if (event.workloadId !== undefined && !NAME.test(event.workloadId)) {
    throw new TypeError('a workload id is 1 to 256 printable ASCII characters')
  }
  const at = Number.isFinite(event.at.getTime()) ? event.at.toISOString() : ''
  if (!INSTANT.test(at)) throw new TypeError('an event time lies in the years 0 to 9999')
  // The checks above leave nothing that JSON would escape in these members, so they are written as they are: this runs once
  // per exchange. The order of members is the canonical one.
  const workload = event.workloadId === undefined ? '' : `,"workload_id":"${event.workloadId}"`
  const text = `{"actor":"${event.actor}","at":"${at}","data":${canonicalJson(event.data)},"id":"${event.id}","kind":"${event.kind}","outcome":"${event.outcome}","v":${FORMAT}${workload}}`
  const body = Buffer.from(text, 'utf8')
  if (body.length > MAX_EVENT_BYTES)
    throw new TypeError(`an event has at most ${MAX_EVENT_BYTES} bytes, not ${body.length}`)
  return body
}

/**
 * The value behind a canonical JSON text.
 * @returns undefined unless the text is exactly the canonical form of a JSON object: a duplicate member, white space,
 * another order of members, another spelling of a string or number all differ from it.
 */
export function parseCanonicalObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
    return canonicalJson(value) === text ? (value as JsonObject) : undefined
  } catch (error) {
    // SyntaxError: not JSON. TypeError: a lone surrogate. RangeError: nested deeper than the stack. None of it is canonical.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

/**
 * The event behind its stored bytes; the inverse of {@link encodeEvent}.
 * @throws TypeError for bytes that `encodeEvent` cannot have written.
 */
export function decodeEvent(body: Uint8Array): AuditEvent {
  if (body.length > MAX_EVENT_BYTES) throw new TypeError(`an event has at most ${MAX_EVENT_BYTES} bytes`)
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  const value = parseCanonicalObject(text)
  if (value === undefined) throw new TypeError('the event is not canonical JSON')
  const { actor, at, data, id, kind, outcome, v, workload_id: workloadId } = value
  if (v !== FORMAT) throw new TypeError('the event has an unknown format')
  if (typeof id !== 'string' || typeof kind !== 'string' || typeof actor !== 'string' || typeof at !== 'string') {
    throw new TypeError('the event lacks a member')
  }
  if (workloadId !== undefined && typeof workloadId !== 'string') throw new TypeError('the workload id is not a string')
  if (!isOutcome(outcome)) throw new TypeError('the event has an unknown outcome')
  if (data === null || typeof data !== 'object' || Array.isArray(data)) throw new TypeError('the data is not an object')
  const event: AuditEvent = {
    id,
    at: new Date(at),
    kind,
    outcome,
    actor,
    ...(workloadId === undefined ? {} : { workloadId }),
    data: data as JsonObject,
  }
  // Encoding again refuses what the grammar of a member refuses, and any member that an event does not have.
  if (Buffer.compare(encodeEvent(event), body) !== 0)
    throw new TypeError('the event has other members than an event has')
  return event
}

function isOutcome(value: unknown): value is AuditEvent['outcome'] {
  return typeof value === 'string' && OUTCOMES.has(value)
}
