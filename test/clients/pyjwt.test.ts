// examples/verify-with-pyjwt, and what PyJWT does and does not check.
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../support/documentation.ts'
import { testClient } from './support/suite.ts'
import { build, makeDirectory, programVerifier, reasonToSkip } from './support/toolchain.ts'

const skip = reasonToSkip([['python3', '--version']])
if (skip === undefined) {
  const directory = makeDirectory()
  const example = join(ROOT, 'examples/verify-with-pyjwt')
  const python = join(directory, 'bin/python')
  testClient({
    library: 'pyjwt',
    async command() {
      await build(directory, 'python3', '-m', 'venv', directory)
      const options = ['--quiet', '--require-hashes', '--only-binary', ':all:']
      await build(directory, python, '-m', 'pip', 'install', ...options, '-r', join(example, 'requirements.txt'))
      return { command: [python, 'server.py'], cwd: example }
    },
    bare: (issuer) => programVerifier(issuer, python, join(ROOT, 'test/clients/bare/pyjwt/main.py')),
  })
} else {
  test('pyjwt: the example and what the library checks', { skip }, () => {})
}
