/**
 * The prefix makes a browser hold to what it says: from this host alone, over TLS (or from
 * localhost), for every path, and no subdomain can set one of the name (RFC 6265bis, 4.1.3.2).
 */
export const sessionCookie = '__Host-velocity-session';
const loginPrefix = '__Host-velocity-login-';

/** One cookie for each sign-in under way, so that two tabs do not undo each other's. */
export function loginCookie(state: string): string {
  return `${loginPrefix}${state.slice(0, loginNameLength)}`;
}

const loginNameLength = 8;

/** The value of the one cookie of this name; one that is there twice is nobody's word. */
export function findCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined;
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}

/** Without `maxAge`, in seconds, it ends with the browser. The value is base64url and dots. */
export function setCookie(name: string, value: string, maxAge?: number): string {
  const age = maxAge === undefined ? '' : `; Max-Age=${maxAge}`;
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax${age}`;
}

export function clearCookie(name: string): string {
  return setCookie(name, '', 0);
}
