/** Meanings of members whose schema says nothing, by kind and path. */
export const MEANINGS: Readonly<Record<string, string>> = {
  'Person spec.email': 'Where findings about what the person owns are sent',
  'Person spec.displayName': 'The name as people write it',
  'Service spec.verification.onUnavailable':
    'What a verifier does when it can learn nothing new: refuse, or go on with the last it knew',
  'TrustPolicy spec.provider': 'Name of the trust provider whose proofs it is about',
  'TrustPolicy spec.match': 'Conditions on claims of the proof; all must hold, see below',
  'TrustPolicy spec.grant.service': 'Name of the service that the token is for, or `countersign-management`',
  'TrustPolicy spec.grant.scopes': 'What the token may hold at most; a request may ask for less',
  'TrustPolicy spec.grant.ttl': 'Longest life of the token, at most `1h`; without it `15m`',
  'TrustPolicy spec.limits.maxProofAge': 'Refuse proofs issued longer ago; may only lower the preset',
  'TrustPolicy spec.limits.maxUses': 'Uses of one proof; may only lower the preset',
  'TrustPolicy spec.limits.usesPerMinute': 'Uses of one cached proof in a minute; may only lower the preset',
  'TrustPolicy spec.limits.sourceAddresses': 'Address ranges that the exchange must come from',
  'TrustPolicy spec.limits.timeWindow.days': 'Days of the week',
  'TrustPolicy spec.limits.timeWindow.from': 'Start, such as `08:00`',
  'TrustPolicy spec.limits.timeWindow.to': 'End, after `from`; `24:00` ends the day',
  'TrustPolicy spec.limits.timeWindow.timeZone': 'IANA time zone such as `Europe/Vienna`',
  'TrustPolicy spec.expires': 'Date or instant after which it admits nobody; tokens end with it too',
  'TrustPolicy spec.mode': '`shadow` is evaluated and recorded and grants nothing',
  'TrustPolicy spec.crossEnvironment': 'The environment of the policy may differ from that of its service',
}
