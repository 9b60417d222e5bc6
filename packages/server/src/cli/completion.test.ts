import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { COMMANDS } from './commands.ts'
import { renderCompletion } from './completion.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import { renderReference } from './reference.ts'
import { runLine } from './testing/run-line.ts'

const hasBash = spawnSync('bash', ['-c', 'type -t compgen']).status === 0

/** What bash would offer for a line whose last word is being typed. */
function complete(...words: readonly string[]): readonly string[] {
  const script = `${renderCompletion('bash', COMMANDS)}
COMP_WORDS=(countersign "$@"); COMP_CWORD=$#; _countersign; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  return stdout.trim().split('\n')
}

test('bash completes commands, verbs, flags, choices and arguments', { skip: !hasBash }, () => {
  assert.deepEqual(complete('expl'), ['explain'])
  assert.deepEqual(complete('trust-policies', 'gen'), ['generate'])
  assert.deepEqual(complete('help', 'aud'), ['audit'])
  assert.ok(complete('exchange', '--sc').includes('--scope'))
  assert.ok(!complete('explain', '--sc').includes('--scope'))
  assert.deepEqual(complete('explain', '-o', 'js'), ['json', 'jsonl'])
  assert.deepEqual(complete('completion', 'z'), ['zsh'])
  assert.deepEqual(complete('--server', 'https://x', 'whoa'), ['whoami'], 'the value of a flag is no command')
})

test('every command and every flag is in every script', async () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const { stdout, exit } = await runLine(['completion', shell])
    assert.equal(exit, 0)
    for (const command of COMMANDS)
      for (const word of command.path) assert.ok(stdout.includes(word), `${shell} ${word}`)
    const options = [...GLOBAL_OPTIONS, ...COMMANDS.flatMap((command) => command.options ?? [])]
    for (const option of options) assert.ok(stdout.includes(option.name), `${shell} ${option.name}`)
  }
})

test('scripts of bash and zsh are well-formed', { skip: !hasBash }, () => {
  for (const shell of ['bash', 'zsh'] as const) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: renderCompletion(shell, COMMANDS), encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
})

test('an unknown shell is exit 2', async () => {
  assert.equal((await runLine(['completion', 'cmd.exe'])).exit, 2)
})

test('the reference holds every command once, with its flags and examples, and never changes by itself', () => {
  const reference = renderReference()
  assert.equal(renderReference(), reference)
  for (const command of COMMANDS) {
    assert.equal(reference.split(`### countersign ${command.path.join(' ')}\n`).length, 2, command.path.join(' '))
    for (const option of command.options ?? []) assert.ok(reference.includes(`--${option.name}`))
    for (const example of command.examples) assert.ok(reference.includes(example.line))
  }
})
