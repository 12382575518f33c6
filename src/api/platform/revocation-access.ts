import type { Revoked } from '../../auth/revocation.ts';
import { platformOrganisation } from '../../contract/names.ts';
import { VelocityError } from '../../errors.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import { durationDays } from '../../schema/duration.ts';
import type { PlatformAccess } from './platform-access.ts';
import { requireNoEscalation } from './platform-access.ts';

const dayMs = 86_400_000;
/** More than twice the skew that is tolerated where a strategy names none. */
const clockMarginMs = 5 * 60_000;

/**
 * Who may end whose access. The organisation's administrators that of all its actors, tokens and
 * sessions; a domain's administrator that of the actors whose keys they may make too: those with roles
 * in their domains alone, none of which administers. Of another organisation there is nothing.
 */
export function requireMayRevoke(
  access: PlatformAccess,
  snapshot: RegistrySnapshot,
  { organisation, kind, id }: Revoked,
): void {
  requireOwnOrganisation(access, organisation);
  if (organisation === platformOrganisation && kind === 'actor') {
    throw denied('The platform’s administrator cannot be kept out.', 'Have the key issued anew.');
  }
  if (access.organisationAdmin) return;
  if (kind !== 'actor' || !access.anything) {
    throw denied(`You may not revoke ${kind === 'actor' ? 'anybody' : `a ${kind}`} here.`);
  }
  const bindings = snapshot.bindings.get(`${organisation}\n${id}`) ?? [];
  if (bindings.length === 0) throw denied('This actor has no role that you administer.');
  requireNoEscalation(access, snapshot, { kind: 'ApiKey', namespace: '', spec: { actor: id } });
}

/** To let somebody in again, and to see who is kept out, is for the whole organisation's administrators. */
export function requireMayRestore(access: PlatformAccess, organisation: string): void {
  requireOwnOrganisation(access, organisation);
  if (!access.organisationAdmin) throw denied('You may not see or lift what others have revoked.');
}

function requireOwnOrganisation(access: PlatformAccess, organisation: string): void {
  if (access.everything || organisation === access.organisation) return;
  throw new VelocityError(
    'ENTITY_NOT_FOUND',
    `There is no organisation ${JSON.stringify(organisation)}.`,
  );
}

function denied(
  message: string,
  hint = 'It takes one of the organisation’s adminRoles.',
): VelocityError {
  return new VelocityError('RBAC_DENIED', message, { hint });
}

/**
 * When the longest-lived token or session that the organisation's strategies accept now will have ended;
 * undefined where one of them sets no bound. An actor stays out until somebody lets them in again.
 */
export function latestEnd(
  { strategies }: RegistrySnapshot,
  { organisation, kind }: Pick<Revoked, 'organisation' | 'kind'>,
  nowMs: number,
): number | undefined {
  if (kind === 'actor') return undefined;
  // A strategy of type oidc accepts the tokens of its provider as well.
  const types = kind === 'token' ? ['jwt', 'oidc'] : ['oidc'];
  const lives = [...strategies.values()]
    .filter((entry) => entry.organisation === organisation && types.includes(entry.spec.type))
    .map(({ spec: { config } }) => {
      const { revocation, ttlMax, oidc, clockSkew } = config;
      const life = revocation?.ttl ?? (kind === 'token' ? ttlMax : oidc?.sessionTtl);
      const days = durationDays(life ?? '');
      // A token may be from as far ahead as it is accepted beyond its end.
      return days === undefined ? undefined : days + 2 * (durationDays(clockSkew ?? '') ?? 0);
    });
  if (lives.length === 0 || lives.includes(undefined)) return undefined;
  return nowMs + Math.max(...lives.map(Number)) * dayMs + clockMarginMs;
}
