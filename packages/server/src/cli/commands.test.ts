import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMANDS } from './commands.ts'
import { ENVIRONMENT, GLOBAL_OPTIONS } from './global-options.ts'
import { parseLine } from './parse.ts'
import type { OptionSpec } from './types.ts'

const everyOption: readonly OptionSpec[] = [...GLOBAL_OPTIONS, ...COMMANDS.flatMap((command) => command.options ?? [])]

test('no two commands have the same path, and no command is also a noun', () => {
  const paths = COMMANDS.map((command) => command.path.join(' '))
  assert.equal(new Set(paths).size, paths.length)
  const nouns = new Set(COMMANDS.flatMap((command) => (command.path[1] ? [command.path[0]] : [])))
  for (const command of COMMANDS) if (command.path.length === 1) assert.ok(!nouns.has(command.path[0]), command.path[0])
})

test('one flag, one meaning: a name takes a value everywhere or nowhere, and a letter stands for one name', () => {
  const byName = new Map<string, OptionSpec>()
  const byLetter = new Map<string, string>()
  for (const option of everyOption) {
    const known = byName.get(option.name) ?? option
    assert.equal(option.value === undefined, known.value === undefined, option.name)
    assert.equal(option.short, known.short, option.name)
    assert.equal(option.repeat, known.repeat, option.name)
    assert.deepEqual(option.choices, known.choices, option.name)
    byName.set(option.name, known)
    if (option.short !== undefined) {
      assert.equal(byLetter.get(option.short) ?? option.name, option.name)
      byLetter.set(option.short, option.name)
    }
  }
  for (const command of COMMANDS) {
    for (const option of command.options ?? []) {
      assert.ok(!GLOBAL_OPTIONS.some((known) => known.name === option.name), `${option.name} is global already`)
    }
  }
})

test('W-15: no flag and no variable takes the value of a credential', () => {
  for (const option of everyOption.filter((known) => known.value !== undefined)) {
    if (/token|secret|password|credential|key|proof/.test(option.name)) {
      assert.match(`${option.name} ${option.value}`, /file FILE$|^proof-audience URI$/)
    }
  }
  for (const [name] of ENVIRONMENT) assert.doesNotMatch(name, /SECRET|PASSWORD|KEY$|TOKEN$/)
})

test('every command loads, and says what it does, by example', async () => {
  for (const command of COMMANDS) {
    const name = command.path.join(' ')
    assert.equal(typeof (await command.load()).run, 'function', name)
    assert.match(command.summary, /^[a-z].*[^.]$/, name)
    assert.ok(command.examples.length > 0, name)
    for (const argument of command.arguments?.slice(0, -1) ?? []) assert.ok(!argument.many && !argument.optional, name)
  }
})

test('every example is a valid line of its command', () => {
  for (const command of COMMANDS) {
    for (const { line } of command.examples) {
      const words = (/countersign ([^<>)]*)/.exec(line)?.[1] ?? '').trim().split(/\s+/)
      const parsed = parseLine(words, COMMANDS, GLOBAL_OPTIONS)
      assert.equal(parsed.fault, undefined, line)
      assert.deepEqual(parsed.command?.path, command.path, line)
    }
  }
})
