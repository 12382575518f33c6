import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import Fastify from 'fastify';
import { pageCss, pageHtml, pageScript } from '../docs/page.ts';

/**
 * Scripts and styles from this server alone, so the page works offline; the renderer writes style
 * attributes and draws icons from data: addresses.
 */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const pages = [
  ['/api/docs', 'text/html; charset=utf-8', pageHtml],
  ['/api/docs/page.js', 'text/javascript; charset=utf-8', pageScript],
  ['/api/docs/page.css', 'text/css; charset=utf-8', pageCss],
] as const;

/**
 * `/api/docs`: a public page without content. The caller's key stays in the browser's session and is
 * sent as a header to `/api/openapi.json`, which answers what that caller may use.
 */
export function addDocsRoutes(app: FastifyInstance): void {
  const config = { access: 'public' } as const;
  for (const [url, contentType, text] of pages) {
    app.get(url, { config }, (_request, reply) => {
      reply.header('content-security-policy', pagePolicy).header('referrer-policy', 'no-referrer');
      return reply.header('content-type', contentType).send(text);
    });
  }

  let renderer: Promise<Buffer> | undefined;
  app.get('/api/docs/renderer.js', { config }, async (_request, reply) => {
    renderer ??= loadRenderer();
    reply
      .header('content-type', 'text/javascript; charset=utf-8')
      .header('content-encoding', 'gzip')
      .header('cache-control', 'public, max-age=3600');
    return reply.send(await renderer);
  });
}

/**
 * The renderer's script out of its Fastify plugin, which carries it as one string of 4 MB. It is
 * loaded when somebody opens the page: a process that only serves records never pays for it.
 */
async function loadRenderer(): Promise<Buffer> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const carrier = Fastify();
  await carrier.register(scalar, {
    routePrefix: '/docs',
    configuration: { url: '/api/openapi.json' },
  });
  const { rawPayload } = await carrier.inject('/docs/js/scalar.js');
  await carrier.close();
  return promisify(gzip)(rawPayload);
}
