import { VelocityError } from '../errors.ts';

/** A link into an application; together with what is sealed beside it, it has to fit in a cookie. */
const lengthMax = 1_024;
/** Stands for this server: only whether an address leaves it matters. */
const here = 'http://here.invalid';

/**
 * Where the browser goes after signing in: a path of this very server, or it is refused. An address
 * that browsers read as another host (`//host`, `/\host`, `/.//host`) would hand a user who has just
 * typed a password to whoever sent the link.
 */
export function checkReturnTo(text: string | undefined, fallback: string): string {
  if (text === undefined) return fallback;
  if (isOwnPath(text)) return text;
  throw new VelocityError('BAD_REQUEST', 'returnTo is not a path of this server.', {
    details: { parameter: 'returnTo' },
    hint: `One that begins with a single "/", of at most ${lengthMax} characters: /api/docs.`,
  });
}

function isOwnPath(text: string): boolean {
  // Browsers drop tabs and line ends, and read "\" as "/".
  if (text.length > lengthMax || !/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(text)) return false;
  if (!URL.canParse(text, here)) return false;
  const { origin, pathname } = new URL(text, here);
  return origin === here && !pathname.startsWith('//');
}
