/**
 * The bytes of canonical base64url text, or undefined for any other text: padding, foreign characters, an impossible
 * length, or unused low bits that are not zero (RFC 4648 section 3.5; RFC 7515 section 2). Otherwise tokens of different
 * text would carry one signature.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  // Node decodes leniently but encodes in one way only, so canonical text is what survives the round trip.
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
