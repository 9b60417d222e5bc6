import { z } from 'zod'
import type { Resource } from '../../../resources/index.ts'
import { entityTagOf } from '../etag.ts'
import type { Reply } from '../operation.ts'
import { allowWidening, anyDocument, instant } from '../schemas.ts'

/** A resource on the wire: the envelope is snake_case, `document` is the resource file, camelCase as in Git. */
export const resourceWire: z.ZodType = z
  .object({
    id: z.string(),
    kind: z.string(),
    name: z.string(),
    revision: z.number().int().meta({ description: 'also the ETag' }),
    enabled: z.boolean(),
    created_at: instant,
    updated_at: instant,
    document: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Resource' })

/** What creating, replacing and patching take. */
export const documentBody: z.ZodObject<{ document: typeof anyDocument; allow_widening: typeof allowWidening }> =
  z.strictObject({ document: anyDocument, allow_widening: allowWidening })

/** The wire form of a resource. */
export function toResourceWire(resource: Resource<unknown>): Readonly<Record<string, unknown>> {
  return {
    id: resource.id,
    kind: resource.document.kind,
    name: resource.document.metadata.name,
    revision: resource.revision,
    enabled: resource.enabled,
    created_at: resource.createdAt.toISOString(),
    updated_at: resource.updatedAt.toISOString(),
    document: resource.document,
  }
}

/** The answer that holds one resource with its entity tag. */
export function resourceReply(resource: Resource<unknown>): Reply {
  return { status: 200, body: toResourceWire(resource), headers: { etag: entityTagOf(resource.revision) } }
}

/** `allowWidening` as the domain takes it: absent, not undefined. */
export function wideningOf(hash: string | undefined): { readonly allowWidening?: string } {
  return hash === undefined ? {} : { allowWidening: hash }
}

/** `ifMatch` as the domain takes it: absent, not undefined. */
export function ifMatchOf(revision: number | undefined): { readonly ifMatch?: number } {
  return revision === undefined ? {} : { ifMatch: revision }
}
