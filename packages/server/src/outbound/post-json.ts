import type { ClientRequest, IncomingMessage } from 'node:http'

/** What is sent, and its bounds. */
export interface PostJsonOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** PEM certificates that are trusted instead of the well-known authorities. */
  readonly ca?: string
  /** From the start until the last byte of the answer. */
  readonly timeoutMs: number
  /** Longest accepted answer. */
  readonly maxBytes: number
}

/** An answer, whatever its status. Nothing of it has been judged. */
export interface OutboundAnswer {
  readonly status: number
  readonly body: string
}

/** Why there is no answer. `reason` is text of ours and a code of the system, never a byte of what came. */
export interface OutboundFailure {
  readonly status: undefined
  readonly reason: string
}

/**
 * Posts JSON once. A redirect is an answer like any other: it is not followed, since it would carry the credential to an address
 * that somebody else chose. Verification of certificates cannot be switched off, not by the environment either.
 */
export async function postJson(url: URL, options: PostJsonOptions): Promise<OutboundAnswer | OutboundFailure> {
  const secure = url.protocol === 'https:'
  const client = secure ? await import('node:https') : await import('node:http')
  return new Promise((settle) => {
    const outgoing: ClientRequest = client.request(url, {
      method: 'POST',
      agent: false,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(options.body)),
        'user-agent': 'countersign',
        ...options.headers,
      },
      ...(secure && {
        // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED has no say.
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2' as const,
        ...(options.ca !== undefined && { ca: options.ca }),
      }),
    })
    const end = (result: OutboundAnswer | OutboundFailure) => {
      clearTimeout(timer)
      outgoing.destroy()
      settle(result)
    }
    const failed = (reason: string) => end({ status: undefined, reason })
    const timer = setTimeout(() => failed(`no complete answer within ${options.timeoutMs} ms`), options.timeoutMs)
    outgoing.on('error', (error: NodeJS.ErrnoException) => failed(`the connection failed (${error.code ?? 'unknown'})`))
    outgoing.on('response', (response) => readAnswer(response, options.maxBytes, end, failed))
    outgoing.end(options.body)
  })
}

function readAnswer(
  response: IncomingMessage,
  maxBytes: number,
  end: (answer: OutboundAnswer) => void,
  failed: (reason: string) => void,
): void {
  const chunks: Buffer[] = []
  let received = 0
  response.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received > maxBytes) failed('the answer is too large')
    else chunks.push(chunk)
  })
  response.on('end', () => {
    if (!response.complete) return failed('the answer was cut short')
    end({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
  })
  response.on('error', () => failed('the answer was cut short'))
  response.on('aborted', () => failed('the answer was cut short'))
}
