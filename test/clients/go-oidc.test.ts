// examples/verify-with-go-oidc, and what go-oidc does and does not check.
import { join } from 'node:path'
import { test } from 'node:test'
import { testClient } from './support/suite.ts'
import { build, copyProject, makeDirectory, programVerifier, reasonToSkip } from './support/toolchain.ts'

const skip = reasonToSkip([['go', 'version']])
if (skip === undefined) {
  const directory = makeDirectory()
  testClient({
    library: 'go-oidc',
    keepsKeys: true,
    async command() {
      copyProject('go-oidc', directory)
      copyProject('go-oidc', join(directory, 'bare'), { into: '.' })
      // go.sum holds the hashes; with -mod=readonly nothing may differ from it. One job: others use this machine.
      const options = ['build', '-p', '1', '-mod=readonly', '-buildvcs=false']
      await build(directory, 'go', ...options, '-o', 'orders', '.')
      await build(join(directory, 'bare'), 'go', ...options, '-o', 'verify', '.')
      return { command: [join(directory, 'orders')], cwd: directory }
    },
    bare: (issuer) => programVerifier(issuer, join(directory, 'bare/verify')),
  })
} else {
  test('go-oidc: the example and what the library checks', { skip }, () => {})
}
