import { describe, expect, it } from 'vitest';
import { csrfToken, requireCsrfToken } from '../../../src/auth/csrf-token.ts';
import type { Identity } from '../../../src/contract/identity.ts';

const [newKey, oldKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

function caller(kind: Identity['credential']['kind'], id = 'one'): Identity {
  return {
    ...{ organisation: 'acme', actor: 'wanda', actorType: 'user', strategy: 'acme/people' },
    ...{ platformAdmin: false, keyScopes: undefined, roles: [], attributes: {} },
    credential: { kind, id },
  };
}

const check = (identity: Identity, method: string, token?: string) => () =>
  requireCsrfToken(identity, { method, csrfToken: token }, [newKey, oldKey]);
const rejected = expect.objectContaining({ code: 'CSRF_REJECTED', status: 403 });

describe('the CSRF token', () => {
  it('is asked for by every method that may change something, known or not', () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'get']) {
      expect(check(caller('session'), method), method).toThrow(rejected);
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect(check(caller('session'), method), method).not.toThrow();
    }
  });

  it('is asked of sessions alone: nothing else is sent by a browser by itself', () => {
    for (const kind of ['apikey', 'jwt', 'none'] as const) {
      expect(check(caller(kind), 'POST')).not.toThrow();
    }
  });

  it('is one for each session, and good under every key that is still known', () => {
    const token = csrfToken('one', newKey);
    expect(check(caller('session'), 'POST', token)).not.toThrow();
    expect(check(caller('session'), 'POST', csrfToken('one', oldKey))).not.toThrow();
    expect(check(caller('session', 'two'), 'POST', token)).toThrow(rejected);
    expect(check(caller('session'), 'POST', csrfToken('one', Buffer.alloc(32, 3)))).toThrow(
      rejected,
    );
    expect(check(caller('session'), 'POST', '')).toThrow(rejected);
  });
});
