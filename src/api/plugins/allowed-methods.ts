import type { FastifyInstance, HTTPMethods } from 'fastify';
import { VelocityError } from '../../errors.ts';

const methods: readonly HTTPMethods[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
];

/**
 * Notes every route's methods as it is added; the function that it answers, called once all routes
 * are there, adds a refusal with `Allow` for the methods that each path does not have.
 */
export function collectAllowedMethods(app: FastifyInstance): () => void {
  const byUrl = new Map<string, Set<string>>();
  let collecting = true;
  app.addHook('onRoute', (route) => {
    if (!collecting) return;
    const known = byUrl.get(route.url) ?? new Set<string>();
    for (const method of [route.method].flat()) known.add(method);
    byUrl.set(route.url, known);
  });
  return () => {
    collecting = false;
    for (const [url, known] of byUrl) {
      // Fastify adds HEAD beside GET only after this hook has run.
      if (known.has('GET')) known.add('HEAD');
      const allow = methods.filter((method) => known.has(method)).join(', ');
      app.route({
        url,
        method: methods.filter((method) => !known.has(method)),
        config: { access: 'public' },
        onRequest: (request) => {
          throw new VelocityError(
            'METHOD_NOT_ALLOWED',
            `${request.method} is not served at this address.`,
            { headers: { allow }, details: { allow: allow.split(', ') }, hint: `Use ${allow}.` },
          );
        },
        handler: () => undefined,
      });
    }
  };
}
