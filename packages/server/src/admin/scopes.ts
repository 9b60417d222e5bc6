/** Every management scope and what it allows; one per family of routes (W-06). */
export const MANAGEMENT_SCOPES = {
  'trust-providers:read': 'read trust providers',
  'trust-providers:write': 'change trust providers; adding an issuer needs every scope of the owner',
  'trust-policies:read': 'read trust policies',
  'trust-policies:write': 'change trust policies',
  'trust-policies:test': 'run the tests of a policy document without saving it',
  'trust-policies:generate': 'write a policy from a recorded exchange',
  'services:read': 'read services',
  'services:write': 'change services',
  'workloads:read': 'read workloads, registered and recorded',
  'workloads:write': 'change registered workloads',
  'teams:read': 'read teams',
  'teams:write': 'change teams',
  'people:read': 'read people',
  'people:write': 'change people',
  'resources:diff': 'plan and lint a set of documents',
  'resources:apply': 'apply a set of documents; each kind takes its own write scope as well',
  'resources:export': 'export every document',
  'events:read': 'read events',
  'events:explain': 'explain exchanges, with the claims behind them',
  'audit:read': 'read checkpoints of the audit log',
  'audit:export': 'export the audit log',
  'proofs:inspect': 'inspect a proof without exchanging it',
  'signing-keys:read': 'read the public facts of signing keys',
  'signing-keys:write': 'rotate and revoke signing keys',
  'revocations:write':
    'revoke credentials; to disable something with it takes the write scope of its kind as well, a signing key that of keys',
  'receipts:read': 'read receipts of revocations',
  'status:read': 'read the state of the server',
  'tokens:introspect':
    'ask about tokens of every service at the introspection endpoint; `verify:NAME` is for those of one',
} as const

/** One management scope. */
export type ManagementScope = keyof typeof MANAGEMENT_SCOPES

/** All management scopes: what the local socket and the owner hold. */
export const ALL_MANAGEMENT_SCOPES = Object.keys(MANAGEMENT_SCOPES) as readonly ManagementScope[]

const VIEWER: readonly ManagementScope[] = [
  'trust-providers:read',
  'trust-policies:read',
  'services:read',
  'workloads:read',
  'teams:read',
  'people:read',
  'resources:diff',
  'resources:export',
  'signing-keys:read',
  'receipts:read',
  'status:read',
]

const OPERATOR: readonly ManagementScope[] = [
  ...VIEWER,
  'events:read',
  'events:explain',
  'proofs:inspect',
  'trust-policies:test',
  'trust-policies:generate',
  'workloads:write',
  'tokens:introspect',
]

/**
 * The roles as sets of scopes (W-06). A policy may grant `role:NAME`; it is expanded when the policy is saved, so that a later
 * version of this table never gives anybody more than what somebody approved.
 */
export const ROLES = {
  viewer: VIEWER,
  auditor: [...VIEWER, 'events:read', 'events:explain', 'audit:read', 'audit:export'],
  operator: OPERATOR,
  'policy-admin': [
    ...OPERATOR,
    'trust-policies:write',
    'services:write',
    'teams:write',
    'people:write',
    'resources:apply',
    'revocations:write',
  ],
  'key-admin': [...VIEWER, 'signing-keys:write', 'revocations:write'],
  owner: ALL_MANAGEMENT_SCOPES,
} as const satisfies Record<string, readonly ManagementScope[]>

/** What `verify:NAME` begins with. */
export const VERIFY_PREFIX = 'verify'

/** The scope of verifiers of one service: the feed of revocations, and leases for this service. */
export function verifyScope(serviceName: string): string {
  return `${VERIFY_PREFIX}:${serviceName}`
}

/** Whether a scope is that of a verifier. */
export function isVerifyScope(scope: string): boolean {
  return scope.startsWith(`${VERIFY_PREFIX}:`)
}

/** A role's name. */
export type RoleName = keyof typeof ROLES

/**
 * Replaces each `role:NAME` by the scopes of the role, sorted and without duplicates. An unknown role stays as it is written, so
 * that the policy's own check refuses it by name; nothing is ever dropped.
 */
export function expandRoles(scopes: readonly string[]): readonly string[] {
  const expanded = scopes.flatMap((scope): readonly string[] => {
    const role = scope.startsWith('role:') ? scope.slice('role:'.length) : undefined
    return role !== undefined && Object.hasOwn(ROLES, role) ? ROLES[role as RoleName] : [scope]
  })
  return [...new Set(expanded)].sort()
}
