import process from 'node:process'

/** Calls a callback of the application. One that throws must neither lose a token nor end the process: it is a warning. */
export function notify(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error), 'CountersignCallbackWarning')
  }
}
