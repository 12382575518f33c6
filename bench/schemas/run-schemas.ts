import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openPlatformClient } from '../changes/platform-client.ts';
import { baseManifests, namespaceOf, schemaManifest } from './manifests.ts';
import type { RegistryMemory } from './registry-memory.ts';
import { measureRegistryMemory } from './registry-memory.ts';

/** A platform that runs: API, worker and operator are processes, and this is where they are. */
export interface SchemasPlace {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly superuserUrl: string;
  readonly apiDatabaseUrl: string;
  readonly organisation: string;
}

export interface SchemasResult {
  readonly schemas: number;
  /** The one request that applies all. */
  readonly applyMs: number;
  /** From that request's beginning until a schema's route answers, for each, sorted. */
  readonly servedMs: readonly number[];
  /** Of one schema more, added to those that are there: from its apply until its route answers. */
  readonly singleMs: readonly number[];
  readonly openApi: { readonly bytes: number; readonly ms: number };
  readonly memory: RegistryMemory;
}

const lookEveryMs = 25;
const servedPollMs = 2;

/** Applies so many schemas as one set, waits until all are served, then adds a few one by one. */
export async function runSchemas(
  place: SchemasPlace,
  options: { readonly schemas: number; readonly singles: number; readonly withinMs: number },
): Promise<SchemasResult> {
  const { apiUrl, adminKey, organisation } = place;
  const namespace = namespaceOf(organisation);
  const client = openPlatformClient({ url: apiUrl, adminKey, withinMs: options.withinMs });
  const name = (n: number): string => `schema-${String(n).padStart(5, '0')}`;
  await client.apply(baseManifests(organisation));
  await client.change(schemaManifest(organisation, 'first'));

  const superuser = new pg.Client(place.superuserUrl);
  await superuser.connect();
  try {
    const waiting = new Set(Array.from({ length: options.schemas }, (_, n) => name(n)));
    const manifests = [...waiting].map((each) => schemaManifest(organisation, each));
    const startedAt = performance.now();
    const deadline = startedAt + options.withinMs;
    await client.apply(manifests);
    const applyMs = performance.now() - startedAt;
    const servedMs: number[] = [];
    while (waiting.size > 0) {
      const { rows } = await superuser.query<{ name: string }>(
        `select name from platform.schema_revisions where namespace = $1 and state = 'active' and name = any ($2)`,
        [namespace, [...waiting]],
      );
      for (const { name: active } of rows) {
        await untilServed(place, active, deadline);
        servedMs.push(performance.now() - startedAt);
        waiting.delete(active);
      }
      if (performance.now() > deadline) throw new Error(`${waiting.size} schemas are not served`);
      await sleep(lookEveryMs);
    }
    const singleMs: number[] = [];
    for (let n = 0; n < options.singles; n++) {
      const added = `single-${n}`;
      const from = performance.now();
      await client.apply([schemaManifest(organisation, added)]);
      await untilServed(place, added, from + options.withinMs);
      singleMs.push(performance.now() - from);
    }
    const sorted = (list: number[]): number[] => list.sort((a, b) => a - b);
    return {
      ...{ schemas: options.schemas, applyMs },
      servedMs: sorted(servedMs),
      singleMs: sorted(singleMs),
      openApi: await measureOpenApi(place),
      memory: await measureRegistryMemory(place.apiDatabaseUrl),
    };
  } finally {
    await superuser.end();
  }
}

/** A schema that is not served is answered 404 with a code of its own. */
async function untilServed(place: SchemasPlace, name: string, deadline: number): Promise<void> {
  const url = `${place.apiUrl}/api/${place.organisation}/shop/sales/${name}/v1?limit=1`;
  for (;;) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${place.adminKey}` } });
    const text = await answer.text();
    if (!text.includes('SCHEMA_NOT_FOUND')) return;
    if (performance.now() > deadline) throw new Error(`${name} is not served: ${text}`);
    await sleep(servedPollMs);
  }
}

async function measureOpenApi({ apiUrl, adminKey }: SchemasPlace) {
  const from = performance.now();
  const answer = await fetch(`${apiUrl}/api/openapi.json`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  const { byteLength } = await answer.arrayBuffer();
  return { bytes: byteLength, ms: performance.now() - from };
}
