/**
 * Clock, ids, durations, text and canonical JSON: what every folder needs and no folder owns. No domain words here.
 * Add one only when two domain folders need the same thing and it has no noun of the field.
 */

export { base32 } from './base32.ts'
export { canonicalJson, type JsonObject, type JsonValue } from './canonical-json.ts'
export { type Now, systemNow, toNumericDate } from './clock.ts'
export { formatDuration, parseDurationMs } from './duration.ts'
export { type IdPrefix, lowestId, newId, timeOfId } from './ids.ts'
export { randomBytes } from './random.ts'
export { type RepeatInput, repeat } from './repeat.ts'
export { editDistance, foldAsciiCase } from './text/index.ts'
