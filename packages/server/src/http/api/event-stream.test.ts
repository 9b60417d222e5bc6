import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createApiUnderTest, feedPage, tokenFor } from '../../../../../test/support/api.ts'
import type { Actor } from '../../admin/index.ts'
import type { FeedPage, RevocationStream } from '../../revocation/index.ts'
import type { HttpContext } from '../context.ts'
import { listen } from '../listen.ts'
import { type EventSource, streamEvents } from './event-stream.ts'

const READER: Actor = { id: 'wl_1', kind: 'workload', scopes: new Set() }
const GET = { req: { method: 'GET' } } as HttpContext

/** A source that a test feeds. */
function createSource() {
  const waiting: ((event: Awaited<ReturnType<EventSource['next']>>) => void)[] = []
  let asked = 0
  let closed = false
  return {
    asked: () => asked,
    closed: () => closed,
    say: (id: string, data = '{}') => waiting.shift()?.({ id, event: 'entries', data }),
    next: () => {
      asked += 1
      if (closed) return Promise.resolve(undefined)
      return new Promise<Awaited<ReturnType<EventSource['next']>>>((resolve) => waiting.push(resolve))
    },
    close: () => {
      closed = true
      for (const resolve of waiting.splice(0)) resolve(undefined)
    },
  }
}

async function readText(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
  const { done, value } = await reader.read()
  return done ? undefined : Buffer.from(value ?? new Uint8Array()).toString()
}

function open(source: EventSource, actor: Actor = READER, heartbeatMs = 60_000) {
  const response = streamEvents(GET, source, { actor, now: () => new Date(), heartbeatMs })
  const reader = response.body?.getReader()
  assert.ok(reader)
  return { response, reader }
}

test('events come with their id and one line of data, between them comments', async () => {
  const source = createSource()
  const { response, reader } = open(source, READER, 20)
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.equal(await readText(reader), 'retry: 1000\n\n')
  assert.equal(await readText(reader), ':\n\n')
  source.say('7', '{"through":7}')
  let text = await readText(reader)
  while (text === ':\n\n') text = await readText(reader)
  assert.equal(text, 'event: entries\nid: 7\ndata: {"through":7}\n\n')
  await reader.cancel()
  assert.equal(source.closed(), true, 'a reader that leaves ends its source')
})

test('a slow reader is cut, and until then nothing is made for it', async () => {
  const source = createSource()
  const { reader } = open(source, READER, 10)
  await readText(reader)
  source.say('1', 'x'.repeat(600_000))
  await pause(5)
  const asked = source.asked()
  await pause(200)
  assert.equal(source.asked(), asked, 'no more is asked for than the one that waits')
  assert.equal(source.closed(), true)
  await assert.rejects(async () => {
    while ((await readText(reader)) !== undefined);
  }, /too slow/)
})

test('invariant 7: a stream ends with its reader’s token, by expiry or revocation', async () => {
  const expiring = createSource()
  const { reader } = open(expiring, { ...READER, expiresAt: new Date(Date.now() + 30) })
  await readText(reader)
  assert.equal(await readText(reader), undefined)
  assert.equal(expiring.closed(), true)

  const revoked = createSource()
  let current = true
  const second = open(revoked, { ...READER, isCurrent: () => current })
  await readText(second.reader)
  current = false
  revoked.say('8')
  assert.equal(await readText(second.reader), undefined, 'not even the event that it was revoked by')
})

test('a source that ends or fails ends the stream without a word about why', async () => {
  const ending = createSource()
  const first = open(ending)
  await readText(first.reader)
  ending.close()
  assert.equal(await readText(first.reader), undefined)
  const second = open({ next: () => Promise.reject(new Error('secret')), close: () => {} })
  await readText(second.reader)
  assert.equal(await readText(second.reader), undefined)
})

test('HEAD opens no stream', async () => {
  const source = createSource()
  const response = streamEvents({ req: { method: 'HEAD' } } as HttpContext, source, {
    actor: READER,
    now: () => new Date(),
  })
  assert.equal(response.body, null)
  assert.equal(source.closed(), true)
})

const VERIFIER = tokenFor('verify:orders-api')

test('the feed is a page unless the caller names text/event-stream', async () => {
  const api = createApiUnderTest()
  for (const accept of ['', '*/*', 'application/json', 'text/*', 'text/event-streams', 'text/event-stream;q=0']) {
    const response = await api.send('GET', '/v1/revocations', { token: VERIFIER, headers: { accept } })
    assert.equal(response.headers.get('content-type'), 'application/json', accept)
  }
  for (const id of ['-1', '1.5', 'abc', '99999999999999999', '1e3']) {
    const headers = { accept: 'text/event-stream', 'last-event-id': id }
    assert.equal((await api.send('GET', '/v1/revocations', { token: VERIFIER, headers })).status, 400, id)
  }
})

/** The app behind a real listener, whose streams a test feeds with pages. */
async function serve(t: { after(work: () => Promise<void> | void): void }) {
  const opened: { readonly holder: string; readonly after: number }[] = []
  let wake: (page: FeedPage | undefined) => void = () => {}
  const api = createApiUnderTest({
    revocationStreams: {
      open(input): RevocationStream {
        opened.push(input)
        return { next: () => new Promise((resolve) => (wake = resolve)), close: () => wake(undefined) }
      },
    },
  })
  const listener = await listen({
    ...{ app: api.app, issuer: 'https://sts.acme.example', name: 'tcp' },
    address: { host: '127.0.0.1', port: 0 },
  })
  t.after(() => listener.stop(0))
  return { listener, opened, say: (page: FeedPage | undefined) => wake(page) }
}

test('the stream goes through the listener event by event, resumes by Last-Event-ID, and a stop does not wait for it', async (t) => {
  const { listener, opened, say } = await serve(t)
  const url = `http://127.0.0.1:${listener.port}/v1/revocations?after=2`
  const headers = { authorization: `Bearer ${VERIFIER}`, accept: 'text/event-stream', 'last-event-id': '3' }
  const response = await fetch(url, { headers })
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
  assert.deepEqual(opened, [{ holder: 'wl_pipeline', after: 3 }])
  const reader = response.body?.getReader()
  assert.ok(reader)
  assert.equal(await readText(reader), 'retry: 1000\n\n', 'the head does not wait for the first event')
  say(feedPage)
  const text = (await readText(reader)) ?? ''
  assert.match(text, /^event: entries\nid: 3\ndata: \{.*\}\n\n$/)
  const data = JSON.parse(/data: (.*)\n\n/.exec(text)?.[1] ?? '') as Record<string, unknown>
  const page = await fetch(`http://127.0.0.1:${listener.port}/v1/revocations`, {
    headers: { authorization: headers.authorization },
  })
  assert.deepEqual(data, await page.json(), 'the same document as the page')
  say(undefined)
  assert.equal(await readText(reader), undefined)
  await listener.stop(10_000)
})

test('a connection that is cut ends its stream', async (t) => {
  const { listener, opened } = await serve(t)
  const socket = connect(Number(listener.port), '127.0.0.1')
  const lines = ['GET /v1/revocations HTTP/1.1', 'Host: sts.acme.example', 'Accept: text/event-stream']
  socket.write(`${[...lines, `Authorization: Bearer ${VERIFIER}`, '', ''].join('\r\n')}`)
  await new Promise((resolve) => socket.once('data', resolve))
  assert.equal(opened.length, 1)
  socket.destroy()
  await listener.stop(10_000)
})
