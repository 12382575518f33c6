import { describe, expect, it } from 'vitest';
import { slowAttempts } from '../../../src/api/plugins/slowed-attempts.ts';
import { createFailedAttempts } from '../../../src/auth/failed-attempts.ts';
import type { Identity } from '../../../src/contract/identity.ts';

const remoteAddress = '192.0.2.1';
const bearer = (text: string) => ({
  ...{ authorization: `Bearer ${text}`, method: 'GET', remoteAddress },
});
const ofToken: Identity = {
  ...{ organisation: 'acme', actor: 'ann', actorType: 'user', strategy: 'acme-a-b/idp' },
  ...{ platformAdmin: false, keyScopes: undefined, roles: [], attributes: {} },
  credential: { kind: 'jwt', id: 'the jti, which is not its text' },
};

describe('an address that fails too often', () => {
  it('goes on with tokens that were good, and starts no others', () => {
    const attempts = createFailedAttempts({ now: () => 0 });
    const { remember, requirePatience } = slowAttempts(attempts);
    for (let i = 0; i < 300; i++) attempts.failed(remoteAddress);
    expect(() => requirePatience(bearer('a.b.c'))).toThrow('Too many attempts');
    remember(ofToken, bearer('a.b.c'));
    expect(() => requirePatience(bearer('a.b.c'))).not.toThrow();
    expect(() => requirePatience(bearer('a.b.d'))).toThrow('Too many attempts');
    expect(() => requirePatience({ method: 'GET', remoteAddress })).not.toThrow();
  });
});
