/** An issuer that many organisations share, and the claims that tell them apart. */
export interface SharedIssuer {
  /** The origin, whatever the path; or a host suffix with a leading dot. */
  readonly issuer: string
  /** Only issuers whose first path segment is one of these are shared; the others belong to one tenant. */
  readonly firstSegments?: readonly string[]
  /** One of these in `require` pins the tenant; immutable ids only. */
  readonly tenantClaims: readonly string[]
  /** The preset that knows the platform; the generic one is refused for it. */
  readonly preset?: string
}

/**
 * Issuers on which a provider without a tenant is open to the whole world (D-602): AWS and Google both came to refuse such a
 * configuration. Checked for every preset, so that the generic one is no way round.
 */
export const SHARED_ISSUERS: readonly SharedIssuer[] = [
  {
    issuer: 'https://token.actions.githubusercontent.com',
    tenantClaims: ['repository_owner_id', 'enterprise_id', 'repository_id'],
    preset: 'github-actions',
  },
  {
    issuer: '.ghe.com',
    tenantClaims: ['repository_owner_id', 'enterprise_id', 'repository_id'],
    preset: 'github-actions',
  },
  { issuer: 'https://gitlab.com', tenantClaims: ['namespace_id', 'project_id'] },
  {
    issuer: 'https://app.terraform.io',
    tenantClaims: ['terraform_organization_id', 'terraform_project_id', 'terraform_workspace_id'],
  },
  { issuer: 'https://agent.buildkite.com', tenantClaims: ['organization_id', 'pipeline_id'] },
  // With a team in the path the issuer belongs to that team.
  { issuer: 'https://oidc.vercel.com', firstSegments: [''], tenantClaims: ['owner_id', 'project_id'] },
  { issuer: 'https://accounts.google.com', tenantClaims: ['sub'] },
  // Sigstore's public Dex, to which anybody signs in with GitHub, Google or Microsoft: a tenant is one account.
  { issuer: 'https://oauth2.sigstore.dev', tenantClaims: ['sub'] },
  // Tokens of `/oidc` carry no id of the organisation; their `sub` names it.
  { issuer: 'https://api.pulumi.com', tenantClaims: ['https://pulumi.com/org_id', 'sub'] },
  // Its `repository_*` claims are GitHub's word at second hand; the tenant of Depot is `org_id`.
  { issuer: 'https://identity.depot.dev', tenantClaims: ['org_id'] },
  {
    issuer: 'https://login.microsoftonline.com',
    firstSegments: ['common', 'organizations', 'consumers', '9188040d-6c67-4c5b-b112-36a304b66dad'],
    tenantClaims: ['tid'],
  },
]

/** The shared issuer that this issuer is, if it is one. Any path of a shared origin counts. */
export function findSharedIssuer(issuer: string): SharedIssuer | undefined {
  const match = /^(https?:\/\/)([^/:]+)(:[0-9]+)?(?:\/([^/]*))?/.exec(issuer)
  if (!match) return undefined
  const [, scheme = '', host = '', , segment = ''] = match
  return SHARED_ISSUERS.find(
    (shared) =>
      (shared.issuer.startsWith('.') ? host.endsWith(shared.issuer) : `${scheme}${host}` === shared.issuer) &&
      (shared.firstSegments === undefined || shared.firstSegments.includes(segment)),
  )
}
