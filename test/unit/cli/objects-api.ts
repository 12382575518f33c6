import type { Answer, Asked, Route } from './local-api.ts';
import { problem } from './local-api.ts';

export interface StoredResource {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown> & { name: string; namespace: string };
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
}

const root = '/api/platform/objects';

/** The resource routes over a map; `decide` says what the operator would, each time one is read. */
export function createObjectsApi(
  stored: Map<string, StoredResource>,
  decide: (resource: StoredResource, reads: number) => Record<string, unknown> = ready,
): (asked: Asked) => Answer {
  const reads = new Map<string, number>();
  const view = (key: string, resource: StoredResource) => {
    reads.set(key, (reads.get(key) ?? 0) + 1);
    return { ...resource, status: decide(resource, reads.get(key)!) };
  };
  return ({ method, path, query, body }) => {
    const key = path.slice(root.length + 1);
    if (method === 'POST') {
      const { items } = JSON.parse(body) as { items: StoredResource[] };
      const data = items.map((item) => {
        const at = `${item.kind}/${item.metadata.namespace}/${item.metadata.name}`;
        const outcome = stored.has(at) ? 'configured' : 'created';
        const resource = { ...item, metadata: { ...item.metadata, generation: 1 } };
        if (query.get('dryRun') !== 'true') stored.set(at, resource);
        return { outcome, resource, warnings: [] };
      });
      return { body: { data } };
    }
    if (key.split('/').length === 1) {
      const data = [...stored.entries()]
        .filter(([at]) => at.startsWith(`${key}/${query.get('namespace') ?? ''}`))
        .map(([at, resource]) => view(at, resource));
      return { body: { data } };
    }
    const found = stored.get(key);
    if (found === undefined) return problem(404, 'ENTITY_NOT_FOUND', `There is no ${key}.`);
    if (method === 'DELETE' && query.get('dryRun') !== 'true') stored.delete(key);
    return { body: { data: view(key, found) } };
  };
}

function ready(): Record<string, unknown> {
  return { phase: 'Ready', observedGeneration: 1 };
}

/** One handler for every resource route that a test asks for. */
export function objectRoutes(
  handler: Route,
  keys: readonly string[],
): Readonly<Record<string, Route>> {
  const routes: Record<string, Route> = { [`POST ${root}`]: handler };
  for (const key of keys) {
    routes[`GET ${root}/${key}`] = handler;
    routes[`DELETE ${root}/${key}`] = handler;
  }
  return routes;
}
