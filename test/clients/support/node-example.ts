/** Examples that run on Node, and libraries of this process. */
import { join } from 'node:path'
import process from 'node:process'
import { ROOT } from '../../support/documentation.ts'
import type { ServiceCommand } from './service.ts'
import type { BareVerifier } from './suite.ts'

/** How `npm start` starts examples/verify-with-LIBRARY. */
export function nodeExample(library: string): ServiceCommand {
  return { command: [process.execPath, 'server.mjs'], cwd: join(ROOT, 'examples', `verify-with-${library}`) }
}

/** A verifier from a function that throws, or rejects, for a token that it does not take. */
export function oneByOne(verify: (token: string) => unknown): BareVerifier {
  return async (tokens) => {
    const taken: boolean[] = []
    for (const token of tokens) {
      try {
        await verify(token)
        taken.push(true)
      } catch {
        taken.push(false)
      }
    }
    return taken
  }
}
