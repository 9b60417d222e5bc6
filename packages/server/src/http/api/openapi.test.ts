import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createApiUnderTest } from '../../../../../test/support/api.ts'
import { API_OPERATIONS, openApiDocument } from './index.ts'

type Node = Readonly<Record<string, unknown>>
const document = openApiDocument() as {
  openapi: string
  paths: Record<string, Record<string, Node>>
  components: { schemas: Node }
}

describe('the OpenAPI document', () => {
  test('is 3.1 and describes every operation of the route table, and nothing else', () => {
    assert.match(document.openapi, /^3\.1\./)
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => `${method.toUpperCase()} ${path} ${operation.operationId}`),
    )
    assert.deepEqual(described.sort(), API_OPERATIONS.map(({ method, path, id }) => `${method} ${path} ${id}`).sort())
  })
  test('every $ref resolves, and no JSON Schema definition is left outside the components', () => {
    const text = JSON.stringify(document)
    assert.ok(!text.includes('$defs') && !text.includes('$schema'))
    for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([A-Za-z]+)"/g)) {
      assert.ok(name in document.components.schemas, name)
    }
  })
  test('every path variable is a required parameter', () => {
    for (const [path, item] of Object.entries(document.paths)) {
      const variables = [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name)
      for (const operation of Object.values(item)) {
        const parameters = (operation.parameters ?? []) as { name: string; in: string; required: boolean }[]
        const inPath = parameters.filter((parameter) => parameter.in === 'path')
        assert.deepEqual(
          inPath.map(({ name }) => name),
          variables,
          path,
        )
        assert.ok(inPath.every(({ required }) => required))
      }
    }
  })
  test('every operation names its scope and each status that it can answer with', () => {
    for (const operation of API_OPERATIONS) {
      const described = document.paths[operation.path]?.[operation.method.toLowerCase()]
      const statuses = Object.keys((described?.responses ?? {}) as Node)
      if (operation.scope !== 'public') assert.ok(statuses.includes('401'), operation.id)
      if (operation.method !== 'GET') for (const status of ['400', '413', '415']) assert.ok(statuses.includes(status))
      const named = { public: undefined, self: undefined, verify: 'verify:NAME' }
      const scope = operation.scope in named ? named[operation.scope as keyof typeof named] : operation.scope
      assert.equal(described?.['x-scope'], scope)
    }
  })
  test('is served without a token, equal to the exported function', async () => {
    const response = await createApiUnderTest().send('GET', '/v1/openapi.json', { token: null })
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(openApiDocument())))
  })
})
