import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { COMMANDS } from './commands.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import { parseLine } from './parse.ts'

const parse = (line: readonly string[]) => parseLine(line, COMMANDS, GLOBAL_OPTIONS)

const FAULTS: readonly (readonly [string, readonly string[], RegExp, RegExp])[] = [
  [
    'an unknown flag, with the nearest name',
    ['apply', '--allow-widning', 'x'],
    /unknown flag --allow-widning/,
    /--allow-widening/,
  ],
  [
    'an unknown command, with the nearest name',
    ['explian', 'evt_1'],
    /unknown command "explian"/,
    /countersign explain/,
  ],
  ['an unknown verb, with the nearest name', ['trust-policies', 'lsit'], /no verb "lsit"/, /trust-policies list/],
  ['a noun without a verb', ['audit'], /audit needs a verb/, /verify/],
  ['a plural of half a name', ['polices'], /unknown command/, /trust-policies/],
  ['a flag of another command', ['explain', 'evt_1', '--prune'], /explain has no flag --prune/, /help explain/],
  ['a value for a switch', ['apply', '--yes=no'], /--yes takes no value/, /alone/],
  ['a missing value at the end', ['explain', 'evt_1', '--server'], /--server needs a value/, /--server=URL/],
  [
    'a flag in the place of a value',
    ['explain', 'evt_1', '--token-file', '--yes'],
    /--token-file needs a value/,
    /=FILE/,
  ],
  ['an empty value', ['explain', 'evt_1', '--server='], /--server needs a value/, /URL/],
  ['a single-valued flag given twice', ['explain', 'evt_1', '--server', 'a', '--server', 'b'], /given twice/, /once/],
  ['an unknown output format', ['explain', 'evt_1', '-o', 'xml'], /--output does not know/, /json/],
  ['a missing argument', ['explain'], /explain needs EVENT_ID/, /help explain/],
  ['too many arguments', ['explain', 'evt_1', 'evt_2'], /fewer arguments/, /help explain/],
  ['an argument outside its choices', ['schema', 'TrustPolcy'], /unknown KIND/, /TrustPolicy/],
  ['a member of Object.prototype as flag', ['explain', 'evt_1', '--__proto__=x'], /unknown flag/, /help/],
  ['another member of Object.prototype as flag', ['explain', 'evt_1', '--constructor'], /unknown flag/, /help/],
  ['an unknown short flag', ['explain', 'evt_1', '-x'], /unknown flag -x/, /help/],
  ['what follows -- as an argument too many', ['explain', 'evt_1', '--', 'evt_2'], /fewer arguments/, /help explain/],
]

for (const [what, line, detail, fix] of FAULTS) {
  test(`refuses ${what}`, () => {
    const { fault } = parse(line)
    assert.match(fault?.detail ?? 'no fault', detail)
    assert.match(fault?.fix ?? '', fix)
  })
}

test('a flag that looks like a value is taken with an equals sign', () => {
  assert.deepEqual(parse(['explain', 'evt_1', '--data-dir=--odd']).flags.get('data-dir'), ['--odd'])
})

test('a single dash is a value: stdin', () => {
  const line = parse(['exchange', '--audience', 'x', '--proof-file', '-'])
  assert.equal(line.fault, undefined)
  assert.deepEqual(line.flags.get('proof-file'), ['-'])
})

test('short flags combine, repeat and take attached values', () => {
  const line = parse(['explain', 'evt_1', '-vvq', '-ojson'])
  assert.equal(line.fault, undefined)
  assert.equal(line.flags.get('verbose')?.length, 2)
  assert.deepEqual(line.flags.get('output'), ['json'])
  assert.ok(line.flags.has('quiet'))
})

test('everything after -- belongs to the command that is run, flags of ours included', () => {
  const line = parse(['exchange', '--audience', 'x', '--', 'curl', '--output', 'nonsense', '-h', '--', '--yes'])
  assert.equal(line.fault, undefined)
  assert.deepEqual(line.trailing, ['curl', '--output', 'nonsense', '-h', '--', '--yes'])
  assert.equal(line.flags.has('help'), false)
  assert.equal(line.flags.has('output'), false)
})

test('property: the place of global flags never changes what a line means', () => {
  const flag = fc.constantFrom<readonly string[]>(
    ['--server', 'https://sts.example'],
    ['--yes'],
    ['-o', 'json'],
    ['--limit=7'],
    ['-v'],
    ['--no-input'],
    ['--filter', 'kind=exchange.decided'],
  )
  const path = fc.constantFrom<readonly string[]>(
    ['explain', 'evt_1'],
    ['trust-policies', 'get', 'deploy'],
    ['whoami'],
    ['audit', 'checkpoint'],
  )
  const flags = fc.uniqueArray(flag, { selector: (given) => given[0], maxLength: 5 })
  fc.assert(
    fc.property(path, flags, fc.array(fc.nat(10), { minLength: 5 }), (words, given, places) => {
      const first = parse([...given.flat(), ...words])
      const pieces = words.map((word): readonly string[] => [word])
      for (const [index, piece] of given.entries()) pieces.splice((places[index] ?? 0) % (pieces.length + 1), 0, piece)
      const other = parse(pieces.flat())
      assert.equal(first.fault, undefined)
      assert.equal(other.fault, undefined)
      assert.deepEqual(other.command?.path, first.command?.path)
      assert.deepEqual(other.arguments, first.arguments)
      assert.deepEqual([...other.flags].sort(), [...first.flags].sort())
    }),
  )
})

test('property: no line makes the parser throw, and a line without a fault names a command or says nothing', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(...COMMANDS.flatMap((command) => [...command.path])),
    fc.constantFrom(...GLOBAL_OPTIONS.map((option) => `--${option.name}`)),
    fc.constantFrom('-', '--', '-o', '-h', '--=', '-=', '--__proto__', '--toString=1', '\u0000', '\ud800'),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      const line = parse(argv)
      if (line.fault === undefined && line.words.length > 0) assert.ok(line.command)
      if (line.fault) assert.notEqual(line.fault.fix, '')
    }),
    { numRuns: 2_000 },
  )
})

test('property: what follows -- reaches the command unchanged', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 6 }), (trailing) => {
      assert.deepEqual(parse(['exchange', '--audience', 'x', '--', ...trailing]).trailing, trailing)
    }),
  )
})
