import type { FastifyInstance } from 'fastify';
import { ageVersion } from '../../schema/version-standing.ts';
import type { AppDeps } from '../app-deps.ts';
import { identityOf } from './authentication.ts';

/**
 * On every answer of a version that is ending, refusals included: `Deprecation` (RFC 9745, a structured
 * date), `Sunset` (RFC 8594, an HTTP date) and where its successor is (RFC 5829).
 */
export function installVersionHeaders(
  app: FastifyInstance,
  { registry, now }: Pick<AppDeps, 'registry' | 'now'>,
): void {
  app.addHook('preHandler', (request, reply, done) => {
    if (request.routeOptions.config.access !== 'record') return done();
    const { org, app, domain, object, version } = request.params as Record<string, string>;
    const family = `${org}/${app}/${domain}/${object}`;
    const { schemas, dropped } = registry.snapshot();
    const schema = schemas.get(`${family}/${version}`);
    const gone = dropped.get(`${family}/${version}`);
    const { organisation, platformAdmin } = identityOf(request);
    const owner = (schema ?? gone)?.organisation;
    if (owner === undefined || !(platformAdmin || owner === organisation)) return done();
    const age = schema && ageVersion(schema, now());
    if (age?.deprecatedAt !== undefined) {
      reply.header('deprecation', `@${Math.floor(age.deprecatedAt / 1_000)}`);
    }
    if (age?.sunsetAt !== undefined) {
      reply.header('sunset', new Date(age.sunsetAt).toUTCString());
    }
    const successor = age?.successor ?? gone?.successor;
    if (successor) reply.header('link', `</api/${family}/${successor}>; rel="successor-version"`);
    done();
  });
}
