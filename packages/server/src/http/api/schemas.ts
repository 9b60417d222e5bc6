import { z } from 'zod'

/** Ids and names in paths; anything else cannot exist and is answered as missing. */
export const RESOURCE_KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** Path parameters of one object. */
export const objectParams: z.ZodObject<{ id: z.ZodString }> = z.strictObject({
  id: z.string().regex(RESOURCE_KEY).meta({ description: 'id or name' }),
})

/** An instant on the wire. */
export const instant: z.ZodType<string> = z.iso.datetime()

/** Query of every list: an opaque cursor and a page size. */
export const pageQuery: z.ZodObject<{
  after: z.ZodOptional<z.ZodString>
  limit: z.ZodDefault<z.ZodCoercedNumber>
}> = z.strictObject({
  after: z
    .string()
    .max(1024)
    .optional()
    .meta({ description: '`next` of the page before; ends with the filters it was made for' }),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** A resource document as the caller sends it: any object; its kind's own schema looks closer. */
export const anyDocument: z.ZodRecord<z.ZodString, z.ZodUnknown> = z.record(z.string(), z.unknown())

/** The hash with which a widening is allowed, as `diff` printed it. */
export const allowWidening: z.ZodOptional<z.ZodString> = z
  .string()
  .regex(/^[A-Za-z0-9:_-]{8,128}$/)
  .optional()
  .meta({ description: 'hash of the plan whose widening is meant; `diff` returns it' })

/** Several documents in one request; more than this is several applies. */
export const manyDocuments: z.ZodArray<z.ZodUnknown> = z.array(z.unknown()).max(5_000)

/** The RFC 9457 problem that every refusal is. */
export const problem: z.ZodType = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().optional(),
    instance: z.string(),
    code: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), code: z.string(), detail: z.string(), fix: z.string().optional() }))
      .optional(),
    request_id: z.string(),
    fix: z.string(),
    scope: z.string().optional().meta({ description: 'the scope that is lacking' }),
  })
  .meta({ id: 'Problem' })
