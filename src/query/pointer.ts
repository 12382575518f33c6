/** `parent` extended by one member, escaped as a JSON pointer demands (RFC 6901, section 3). */
export function joinPointer(parent: string, member: string | number): string {
  return `${parent}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
