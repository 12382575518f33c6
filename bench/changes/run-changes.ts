import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { issueKey } from '../../src/auth/issue-key.ts';
import { openPool } from '../../src/store/pool.ts';
import type { LoggedWrite, Sample } from '../traffic/messages.ts';
import { startTraffic } from '../traffic/start-traffic.ts';
import type { TableNames } from './check-writes.ts';
import { writeProblems } from './check-writes.ts';
import type { SeenLock } from './lock-watch.ts';
import { watchLocks } from './lock-watch.ts';
import { openPlatformClient } from './platform-client.ts';
import type { SchemaState } from './schema-state.ts';
import { changed, manifestSpec, undone } from './schema-state.ts';
import { insertSeeds, seedProblems } from './seed-records.ts';
import { beginning, changeSequence, maker, writer } from './sequence.ts';

/** A platform that runs: API, worker and operator are processes, and this is where they are. */
export interface ChangesPlace {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly superuserUrl: string;
  readonly operatorUrl: string;
  /** Of the organisation that is made; its application is `shop`, its domain `sales`. */
  readonly organisation: string;
}

export interface ChangesOptions {
  readonly records: number;
  readonly ratePerS: number;
  readonly connections: number;
  /** Windows before and during each change, of which the medians are told. */
  readonly windows: number;
  readonly windowMs: number;
  readonly changeWithinMs: number;
  readonly say: (line: string) => void;
}

/** From when to when, since the epoch. */
export type Span = readonly [from: number, to: number];

/** What one change did, as measured. */
export interface ChangeRun {
  readonly name: string;
  readonly class: string;
  /** From the apply to the moment that its status says that it is served; of the first time. */
  readonly tookMs: number;
  readonly before: readonly Span[];
  readonly during: readonly Span[];
  readonly locks: readonly SeenLock[];
}

export interface ChangesResult {
  readonly names: TableNames;
  readonly changes: readonly ChangeRun[];
  readonly samples: readonly Sample[];
  readonly writes: readonly LoggedWrite[];
  /** Answers that were not what they should be, in words, and how many there were. */
  readonly failures: readonly string[];
  readonly failureCount: number;
  /** What table, history and audit say other than the clients know. */
  readonly problems: readonly string[];
  readonly coarsestLookMs: number;
}

const strategy = 'keys';
const object = 'item';
const servedWithinMs = 10_000;
/** After an undoing, whose last work is not the next change's. */
const settleMs = 1_000;

/**
 * Makes an organisation with a table of records, starts traffic over it and applies the changes one
 * after the other. A change that is over sooner than its windows is undone and made again until there
 * are enough of them; each undoing is a change under the same traffic too.
 */
export async function runChanges(
  place: ChangesPlace,
  options: ChangesOptions,
): Promise<ChangesResult> {
  await using scope = new AsyncDisposableStack();
  const { organisation, apiUrl, adminKey, superuserUrl } = place;
  const { say } = options;
  const namespace = `${organisation}-shop-sales`;
  const client = openPlatformClient({ url: apiUrl, adminKey, withinMs: options.changeWithinMs });
  const common = { version: 'v1', auth: { strategyRef: { name: strategy, namespace } } };
  const schema = (name: string, spec: object) =>
    manifest('SchemaDefinition', name, namespace, spec);
  await client.apply(baseManifests(organisation, namespace));
  const { access, search } = beginning.spec;
  await client.change(schema(maker.name, { ...common, access, search, fields: maker.fields }));
  let state: SchemaState = {
    fields: new Map(Object.entries(beginning.fields)),
    spec: beginning.spec,
    seeds: new Map(Object.entries(beginning.seeds)),
  };
  await client.change(schema(object, manifestSpec(state, common)));

  const superuser = new pg.Client(superuserUrl);
  await superuser.connect();
  scope.defer(() => superuser.end());
  const pgNamespace = namespace.replaceAll('-', '_');
  const names = {
    table: `${pgNamespace}.${object}_v1`,
    history: `${pgNamespace}.${object}_v1_history`,
    path: `${organisation}/shop/sales/${object}/v1`,
  };
  const startedAt = performance.now();
  await superuser.query(
    `insert into ${pgNamespace}.${maker.name}_v1 (code) select 'maker-' || n from generate_series(0, ${maker.count - 1}) as n`,
  );
  await insertSeeds(superuser, names.table, { count: options.records, values: beginning.seeds });
  await superuser.query('vacuum analyze');
  await superuser.query('checkpoint');
  say(`wrote ${options.records} records in ${seconds(performance.now() - startedAt)}`);

  const locks = await watchLocks(superuserUrl, pgNamespace);
  scope.defer(() => locks.stop());
  const key = await issueWriterKey(place, namespace);
  await untilServed(`${apiUrl}/api/${names.path}?limit=1`, key);
  const traffic = await startTraffic({
    target: { port: Number(new URL(apiUrl).port), key },
    path: `/api/${names.path}`,
    history: names.history,
    databaseUrl: superuserUrl,
    ratePerS: options.ratePerS,
    connections: options.connections,
    seeds: options.records,
    random: 1,
  });
  const problems: string[] = [];
  const apply = async (next: SchemaState) => {
    const applied = await client.change(schema(object, manifestSpec(next, common)));
    state = next;
    return applied;
  };
  await sleep(options.windowMs);

  const { windows, windowMs } = options;
  const runs: ChangeRun[] = [];
  const refer = (over: object) => ({
    ...{ org: organisation, app: 'shop', domain: 'sales', object: maker.name, version: 'v1' },
    ...over,
  });
  for (const change of changeSequence(refer)) {
    const before: Span[] = [];
    for (let n = 0; n < windows; n++) before.push(await quietSpan(windowMs));
    const firstAt = epoch();
    const during: Span[] = [];
    let first: { readonly class: string | undefined; readonly tookMs: number } | undefined;
    const origin = state;
    while (during.length < windows) {
      if (during.length > 0) {
        await apply(undone(origin, change));
        await sleep(settleMs);
      }
      const from = epoch();
      const applied = await apply(changed(origin, change));
      const tookMs = epoch() - from;
      first ??= { class: applied.class, tookMs };
      if (during.length === 0 && tookMs > windows * windowMs) {
        during.push(...slices([from, from + tookMs], windows));
        break;
      }
      await sleep(Math.max(0, windowMs - tookMs));
      during.push([from, epoch()]);
    }
    const run = {
      ...first,
      name: change.name,
      before,
      during,
      locks: locks.between(firstAt, epoch()),
    };
    runs.push({ ...run, class: first?.class ?? 'safe', tookMs: first?.tookMs ?? 0 });
    const wrong = await seedProblems(superuser, names.table, state, options.records);
    problems.push(...wrong.map((problem) => `after "${change.name}": ${problem}`));
    say(
      `${runs.length}. ${change.name}: ${seconds(first?.tookMs ?? 0)}, ${traffic.failureCount()} failures`,
    );
  }
  const { samples, writes } = await traffic.stop();
  problems.push(...(await writeProblems(superuser, names, writes)));
  return {
    ...{ names, changes: runs, samples, writes, problems },
    failures: traffic.failures,
    failureCount: traffic.failureCount(),
    coarsestLookMs: locks.coarsestMs(),
  };
}

async function issueWriterKey(
  { operatorUrl, organisation }: ChangesPlace,
  namespace: string,
): Promise<string> {
  const pool = openPool({ connectionString: operatorUrl, application: 'traffic', size: 1 });
  try {
    const owner = { namespace, name: 'traffic', organisation, actor: 'traffic' } as const;
    return await pool.transaction((tx) =>
      issueKey(tx, { ...owner, actorType: 'service' }, { env: 'test', randomBytes }),
    );
  } finally {
    await pool.close();
  }
}

/** A key is known to the API once its registry has read it. */
async function untilServed(url: string, key: string): Promise<void> {
  const deadline = performance.now() + servedWithinMs;
  for (;;) {
    const { status } = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    if (status === 200) return;
    if (performance.now() > deadline) throw new Error(`${url} is answered with ${status}`);
    await sleep(50);
  }
}

function baseManifests(organisation: string, namespace: string): object[] {
  return [
    manifest('Organisation', organisation, organisation, { displayName: 'Traffic' }),
    manifest('Application', 'shop', organisation, { org: organisation, displayName: 'Shop' }),
    manifest('Domain', 'sales', namespace, {
      app: 'shop',
      displayName: 'Sales',
      access: { defaultRole: 'reader', adminRole: 'sales-admin' },
    }),
    manifest('AuthStrategy', strategy, namespace, { type: 'apikey', config: {} }),
    manifest('RoleBinding', 'traffic', namespace, { actorId: 'traffic', roles: [writer] }),
  ];
}

function manifest(kind: string, name: string, namespace: string, spec: object): object {
  return { apiVersion: 'velocity.sh/v1', kind, metadata: { name, namespace }, spec };
}

async function quietSpan(ms: number): Promise<Span> {
  const from = epoch();
  await sleep(ms);
  return [from, epoch()];
}

/** Equal parts, one after the other. */
function slices([from, to]: Span, count: number): Span[] {
  const each = (to - from) / count;
  return Array.from({ length: count }, (_, n) => [from + n * each, from + (n + 1) * each]);
}

function epoch(): number {
  return performance.timeOrigin + performance.now();
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
