import process from 'node:process'
import { VERSION } from '../../version.ts'
import type { CommandRun } from '../types.ts'

/** The versions of this package and of Node. */
export const run: CommandRun = async () => ({
  exit: 0,
  document: { version: VERSION, node: process.versions.node },
  text: () => `countersign ${VERSION}   node ${process.versions.node}`,
})
