/**
 * JSON with members in the order of their names, so that equal values have equal texts. Absent, null
 * and false are the same.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value === false ? null : (value ?? null));
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined && member !== null && member !== false)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** As `canonical`, but false is a value, and so is null within one: absent alone means none. */
export function exactText(value: unknown): string {
  return JSON.stringify(value ?? null, (_name, member: unknown) =>
    typeof member !== 'object' || member === null || Array.isArray(member)
      ? member
      : Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
}
