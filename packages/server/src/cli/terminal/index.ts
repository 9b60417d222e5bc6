/**
 * What a terminal is given: text made harmless, tables and fields that fit its width, colour only where it is one.
 * Off a terminal the same text comes without colour, wrapping or truncation. No words of the product here.
 */
export { hang } from './hang.ts'
export { type Colour, createLayout, type Layout } from './layout.ts'
export { isPrintable, printable, printableJson } from './printable.ts'
export { type Cell, renderFields, renderTable } from './table.ts'
export { displayWidth, pad, truncate, wrap } from './width.ts'
