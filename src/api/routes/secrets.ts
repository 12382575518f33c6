import type { FastifyInstance } from 'fastify';
import { channels } from '../../contract/names.ts';
import type { Problem } from '../../errors.ts';
import { VelocityError, validationError } from '../../errors.ts';
import type { AppDeps } from '../app-deps.ts';
import { decidePlatformAccess, requireAdministration } from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams } from '../request-params.ts';

const config = { access: 'platform' } as const;
const noParams = new Set<string>();
/** What Kubernetes takes as a key of a Secret; the name is one of a resource. */
const keyPattern = /^[A-Za-z0-9._-]{1,253}$/;
const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
/** Client secrets have some hundred characters; a certificate with its chain some thousand. */
const valueLengthMax = 65_536;

/** Secrets are written and never read: what they are for reads them. */
export function addSecretRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.put('/api/platform/secrets/:namespace/:name/:key', { config }, async (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const ref = request.params as { namespace: string; name: string; key: string };
    const snapshot = deps.registry.snapshot();
    const access = decidePlatformAccess(identityOf(request), snapshot, deps.now());
    requireAdministration(access, snapshot, ref.namespace);
    const value = parseSecret(ref, request.body);
    if (deps.secrets === undefined) {
      throw new VelocityError('BAD_REQUEST', 'This installation keeps no secrets.', {
        hint: 'Start api and worker with VELOCITY_SECRET_KEY: openssl rand -base64 32.',
      });
    }
    await deps.secrets.write(ref, value);
    await wakeStrategies(deps, ref.namespace);
    return reply.code(204).send();
  });
}

function parseSecret(ref: { name: string; key: string }, body: unknown): string {
  const problems: Problem[] = [];
  const refuse = (pointer: string, rule: string, message: string) =>
    problems.push({ pointer, rule, message });
  if (!namePattern.test(ref.name)) refuse('/name', 'pattern', 'is not the name of a secret');
  if (!keyPattern.test(ref.key)) refuse('/key', 'pattern', 'is not a key of a secret');
  const { value, ...others } = (body ?? {}) as Record<string, unknown>;
  for (const member of Object.keys(others)) refuse(`/${member}`, 'unknown', 'is unknown');
  if (typeof value !== 'string' || value === '') refuse('/value', 'required', 'is missing');
  else if (value.length > valueLengthMax) {
    refuse('/value', 'maxLength', `has more than ${valueLengthMax} characters`);
  }
  if (problems.length > 0) throw validationError('The secret is not valid.', problems);
  return value as string;
}

/** What waits for a secret is no change of anything, so its operator is told. */
async function wakeStrategies({ pool, resources }: AppDeps, namespace: string): Promise<void> {
  const waiting = await resources.list({ kind: 'AuthStrategy', namespace });
  for (const { kind, metadata } of waiting) {
    await pool.query({
      name: 'api.wake-strategy',
      text: 'select pg_notify($1::text, $2::text)',
      values: [channels.resources, `${kind}/${namespace}/${metadata.name}`],
    });
  }
}
