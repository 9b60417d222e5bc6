// Stands in for jq where a machine has none: one member of an object, or the elements of one that is a list, as raw text.
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { text } from 'node:stream/consumers'

const [options = '', filter = '', file] = process.argv.slice(2)
const [, name = '', list] = /^\.([a-z_]+)(\[\])?$/.exec(filter) ?? []
if (!/^-j?r$/.test(options) || name === '') throw new Error(`the stand-in for jq does not know ${options} ${filter}`)
const input = JSON.parse(file === undefined ? await text(process.stdin) : readFileSync(file, 'utf8')) as Readonly<
  Record<string, unknown>
>
const values = list === undefined ? [input[name]] : (input[name] as readonly unknown[])
process.stdout.write(values.map((value) => `${String(value)}${options.includes('j') ? '' : '\n'}`).join(''))
