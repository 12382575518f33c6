import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkReturnTo } from '../../../src/auth/return-to.ts';

const server = 'https://velocity.example.com';

describe('returnTo', () => {
  it.each([
    '/',
    '/auth',
    '/api/docs?a=b&c=//d#e',
    '/a//b',
    '/%2f%2fevil.example',
    '/@evil.example',
  ])('accepts %s', (path) => {
    expect(checkReturnTo(path, '/auth')).toBe(path);
  });

  it('never leads to another host, whatever is sent', () => {
    const part = fc.constantFrom(
      ...['/', '\\', '.', '..', ':', '@', '#', '?', '\t', '\n', '\0', ' ', '%2f', '%5c', 'http:'],
      ...['https:', 'javascript:', 'evil.example', '[::1]', 'a', '．', '\u2028', ';', '&'],
    );
    const text = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          text.map((one) => `/${one}`),
          fc.string(),
        ),
        (sent) => {
          let path: string;
          try {
            path = checkReturnTo(sent, '/auth');
          } catch {
            return;
          }
          accepted += 1;
          // As a browser reads a Location: relative to the address that answered it.
          expect(new URL(path, `${server}/auth/callback?code=a`).origin).toBe(server);
          expect(path).toMatch(/^\/(?![/\\])/);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
