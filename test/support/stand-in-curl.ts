// Stands in for curl where a machine has none: the options that the pages use, and an error for every other one.
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { text } from 'node:stream/consumers'

const headers = new Headers()
const form: string[] = []
let method: string | undefined
let address = ''

/** The value, or the content of the file that `@FILE` names; `@-` is stdin. */
async function contentOf(value: string): Promise<string> {
  if (!value.startsWith('@')) return value
  return value === '@-' ? await text(process.stdin) : readFileSync(value.slice(1), 'utf8')
}

const words = process.argv.slice(2)
for (let word = words.shift(); word !== undefined; word = words.shift()) {
  if (word === '-sS' || word === '--fail-with-body') continue
  if (word === '-X') method = words.shift()
  else if (word === '-H') {
    const header = await contentOf(words.shift() ?? '')
    headers.set(header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1).trim())
  } else if (word === '-d') form.push(words.shift() ?? '')
  else if (word === '--data-urlencode') {
    const [, name = '', value = ''] = /^([^=@]+)[=]?(.*)$/s.exec(words.shift() ?? '') ?? []
    form.push(`${name}=${encodeURIComponent(await contentOf(value))}`)
  } else if (word.startsWith('-')) throw new Error(`the stand-in for curl does not know ${word}`)
  else address = word
}
if (form.length > 0) headers.set('content-type', 'application/x-www-form-urlencoded')
const answer = await fetch(address, {
  method: method ?? (form.length > 0 ? 'POST' : 'GET'),
  headers,
  ...(form.length > 0 ? { body: form.join('&') } : {}),
})
process.stdout.write(await answer.text())
if (!answer.ok) {
  process.stderr.write(`curl: (22) The requested URL returned error: ${answer.status}\n`)
  process.exitCode = 22
}
