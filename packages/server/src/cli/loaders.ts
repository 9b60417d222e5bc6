import type { Modules } from './modules.ts'

/** The real modules, each loaded by the command that needs it. */
export const LOADERS: Modules = {
  server: () => import('../server.ts'),
  seal: () => import('../seal.ts'),
  config: () => import('../config.ts'),
  quickstart: () => import('../quickstart/index.ts'),
  audit: () => import('../audit/index.ts'),
  resources: () => import('../resources/index.ts'),
}
