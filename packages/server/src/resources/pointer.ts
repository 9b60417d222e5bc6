/** Appends one reference token to a JSON pointer, escaped (RFC 6901 section 3). */
export function pointerTo(parent: string, member: string | number): string {
  return `${parent}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The JSON pointer (RFC 6901) of a path of member names and indexes. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((pointer, member) => pointerTo(pointer, String(member)), '')
}

/** The members that a JSON pointer names, unescaped (RFC 6901 section 4). The empty pointer names the whole document. */
export function pointerPath(pointer: string): readonly string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}
