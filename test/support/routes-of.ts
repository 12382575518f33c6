import type { FastifyInstance, InjectOptions } from 'fastify';

export interface Route {
  readonly method: NonNullable<InjectOptions['method']>;
  /** With its parameters: `/api/platform/objects/:kind`. */
  readonly url: string;
}

/**
 * Every route that the app serves, read from its router, so that a new one is walked by the tests that
 * walk them all. Each address answers OPTIONS with the methods that it has.
 */
export async function routesOf(app: FastifyInstance): Promise<readonly Route[]> {
  const routes: Route[] = [];
  for (const url of urlsOf(app.printRoutes({ commonPrefix: false }))) {
    const { headers } = await app.inject({ method: 'OPTIONS', url: url.replaceAll(':', '') });
    const methods = String(headers['allow'] ?? '').split(', ');
    for (const method of methods) {
      if (method === 'HEAD' || method === '') continue;
      routes.push({ method: method as Route['method'], url });
    }
  }
  return routes;
}

/** A line of the tree is what an address adds to that of the line it hangs from. */
function urlsOf(tree: string): ReadonlySet<string> {
  const urls = new Set<string>();
  const parents: string[] = [];
  for (const line of tree.split('\n')) {
    const found = /^((?:│ {3}| {4})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (found === null) continue;
    const [, indent = '', part = '', methods] = found;
    const depth = indent.length / 4;
    parents.length = depth;
    parents[depth] = `${parents[depth - 1] ?? ''}${part === '(empty root node)' ? '' : part}`;
    if (methods !== undefined) urls.add(parents[depth]!);
  }
  return urls;
}
