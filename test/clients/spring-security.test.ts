// examples/verify-with-spring-security, and what Spring Security does and does not check.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../support/documentation.ts'
import { ODD_TOKENS } from './support/odd-tokens.ts'
import { type ServiceCommand, startService } from './support/service.ts'
import { testClient } from './support/suite.ts'
import { build, copyProject, makeDirectory, reasonToSkip } from './support/toolchain.ts'

const skip = reasonToSkip([
  ['java', '-version'],
  ['javac', '-version'],
  ['mvn', '-version'],
])
if (skip === undefined) {
  const directory = makeDirectory()
  const libraries = join(directory, 'target/extracted/lib/*')
  const bareClasses = join(directory, 'bare')
  const run = (classes: string, env: Readonly<Record<string, string>> = {}): ServiceCommand => ({
    command: ['java', '-XX:TieredStopAtLevel=1', '-cp', `${classes}:${libraries}`, 'example.OrdersApi'],
    cwd: directory,
    env,
  })
  const guided = run(join(directory, 'target/extracted/orders.jar'))
  // The class of the same name stands before that of the example.
  const bare = (env?: Readonly<Record<string, string>>) =>
    run(`${bareClasses}:${join(directory, 'target/extracted/orders.jar')}`, env)
  testClient({
    library: 'spring-security',
    async command() {
      copyProject('spring-security', directory)
      await build(directory, 'mvn', '--batch-mode', '--quiet', 'package')
      const extract = ['extract', '--destination', 'target/extracted']
      await build(directory, 'java', '-Djarmode=tools', '-jar', 'target/orders.jar', ...extract)
      const source = join(ROOT, 'test/clients/bare/spring-security/AccessTokens.java')
      await build(directory, 'javac', '-parameters', '-cp', libraries, '-d', bareClasses, source)
      return guided
    },
    async bare(issuer, scope) {
      // Spring Security as it comes wants `typ: JWT`.
      const asItComes = await startService(scope, bare({ DEFAULT_TYPES: 'true' }), issuer)
      assert.equal((await asItComes.ask(`Bearer ${issuer.make()}`)).status, 401)
      assert.equal((await asItComes.ask(`Bearer ${ODD_TOKENS.idToken.make(issuer)}`)).status, 200)
      const service = await startService(scope, bare(), issuer)
      return async (tokens) => {
        const taken: boolean[] = []
        for (const token of tokens) taken.push((await service.ask(`Bearer ${token}`)).status === 200)
        return taken
      }
    },
  })
} else {
  test('spring-security: the example and what the library checks', { skip }, () => {})
}
