import type { Identity } from '../../contract/identity.ts';
import { platformAdminRole } from '../../contract/names.ts';
import type { Claims, ReadClaim } from '../../resources/auth-strategies/claim-mapping.ts';
import { refuseToken } from './token-refusal.ts';
import type { ClaimReaders } from './token-strategy.ts';

/** Of an actor, a role and an id: names, not documents. */
const nameLengthMax = 256;

export type Person = Pick<Identity, 'actor' | 'roles' | 'attributes' | 'email'>;

/** Who the claims speak of. Throws AUTH_INVALID_TOKEN where they name nobody. */
export function readPerson(claims: Claims, readers: ClaimReaders): Person {
  const email = readers.email && nameIn(readers.email, claims);
  return {
    actor: actorIn(readers, claims),
    roles: rolesIn(readers, claims),
    attributes: attributesIn(readers, claims),
    ...(email !== undefined && { email }),
  };
}

function actorIn({ actor }: ClaimReaders, claims: Claims): string {
  const name = nameIn(actor, claims);
  if (name !== undefined && name !== platformAdminRole) return name;
  throw refuseToken('claims', 'The token does not name its actor.', {
    hint: 'claims.actorId of the AuthStrategy must lead to one name, without control characters.',
  });
}

function rolesIn({ roles }: ClaimReaders, claims: Claims): string[] {
  const found = (roles?.(claims).values ?? []).filter(
    (role): role is string => typeof role === 'string' && isName(role),
  );
  // The bootstrap key's own: no issuer grants it.
  return [...new Set(found)].filter((role) => role !== platformAdminRole);
}

function attributesIn({ attributes }: ClaimReaders, claims: Claims): Record<string, unknown> {
  const found = attributes.map(([name, read]) => {
    const { values, isList } = read(claims);
    return [name, isList ? values : values[0]] as const;
  });
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** Exactly one: of two names nobody could say whose the request is. */
function nameIn(read: ReadClaim, claims: Claims): string | undefined {
  const { values } = read(claims);
  const [value] = values;
  if (values.length !== 1) return undefined;
  // A number beyond 2^53 has lost its last digits: two people would have one name.
  const name = typeof value === 'string' || Number.isSafeInteger(value) ? String(value) : '';
  return isName(name) ? name : undefined;
}

/** Neither invisible nor control characters: names are compared, joined and shown. */
export function isName(text: string): boolean {
  return text !== '' && text.length <= nameLengthMax && !/\p{C}/u.test(text);
}
