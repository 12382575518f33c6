import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyScope } from '../../contract/identity.ts';
import type { SchemaDefinitionSpec } from '../../contract/kinds.ts';
import { channels } from '../../contract/names.ts';
import type { Observe } from '../../observe.ts';
import type { CompiledSchema, RevisionRow } from '../../schema/compile.ts';
import { compileSchema, schemaPath } from '../../schema/compile.ts';
import { listen } from '../../store/listen.ts';
import type { Pool } from '../../store/pool.ts';
import { organisationOf } from './organisation-of.ts';
import { requestQuotas } from './quotas.ts';
import type { ServedScope } from './served-scope.ts';
import { isServed, neededRows } from './served-scope.ts';
import type {
  BindingEntry,
  DomainEntry,
  KeyEntry,
  RegistrySnapshot,
  StrategyEntry,
} from './snapshot.ts';
import type { RegistryRows } from './sql/registry-rows.ts';
import { readRegistryRows } from './sql/registry-rows.ts';

export interface Registry {
  snapshot(): RegistrySnapshot;
  /** False before the first load: nothing can be answered yet. */
  ready(): boolean;
  /** How long ago the database last confirmed what the snapshot says. */
  ageMs(): number;
  /** Reads anew now; for whoever has just changed something and wants to see it served. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

export interface RegistryOptions {
  readonly pool: Pool;
  readonly connectionString: string;
  readonly observe: Observe;
  readonly now: () => number;
  /** Undefined: everything. */
  readonly serve?: ServedScope | undefined;
}

/** Notifications within this time are answered by one load. */
const debounceMs = 10;
/** And within this multiple of the last load's time: a thousand changes leave requests their share. */
const restShare = 2;
/** A lost notification is made good after this time. */
const resyncMs = 30_000;

export const emptySnapshot: RegistrySnapshot = {
  schemas: new Map(),
  targets: new Map(),
  dropped: new Map(),
  domains: new Map(),
  bindings: new Map(),
  keys: new Map(),
  strategies: new Map(),
  adminRoles: new Map(),
  quotas: new Map(),
};

/**
 * Keeps one immutable snapshot of what the API serves by. Each load builds a whole new one and swaps
 * it in by a single assignment, so a request sees one state from its start to its end. While the
 * database is away the last snapshot stays, and `ageMs` tells how old it is.
 */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { pool, observe, now } = options;
  const stop = new AbortController();
  let snapshot = emptySnapshot;
  let confirmedAt = Number.NEGATIVE_INFINITY;
  let compiled: ReadonlyMap<string, Compiled> = new Map();
  let specs: ReadonlyMap<string, SchemaDefinitionSpec> = new Map();
  let loadMs = 0;
  let running: Promise<void> | undefined;
  let again: Promise<void> | undefined;

  async function load(): Promise<void> {
    const startedAt = now();
    const all = await readRegistryRows(pool, specs);
    specs = all.specs;
    const rows = { ...all, schemas: neededRows(all.schemas, options.serve) };
    const next = compileAll(rows, compiled);
    compiled = next;
    snapshot = buildSnapshot(rows, next, { serve: options.serve, before: snapshot });
    confirmedAt = startedAt;
    loadMs = now() - startedAt;
    observe({
      type: 'registry.loaded',
      schemas: snapshot.schemas.size,
      bindings: rows.bindings.length,
      keys: rows.keys.length,
      ms: loadMs,
    });
  }

  /** At most one load runs and one waits: whoever asks during a run is answered by the next. */
  function refresh(): Promise<void> {
    if (running === undefined) {
      running = load().finally(() => {
        running = undefined;
      });
      return running;
    }
    again ??= running
      .catch(() => {})
      .then(() => {
        again = undefined;
        return refresh();
      });
    return again;
  }

  const refreshQuietly = (): void => {
    refresh().catch((cause: unknown) => observe({ type: 'registry.failed', cause }));
  };

  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    timer ??= setTimeout(
      () => {
        timer = undefined;
        refreshQuietly();
      },
      Math.max(debounceMs, loadMs * restShare),
    );
  };

  const listening = listen({
    connectionString: options.connectionString,
    channels: [channels.registry],
    onNotification: soon,
    onConnected: () => {
      observe({ type: 'listen.connected', channels: [channels.registry] });
      soon();
    },
    onDisconnected: (cause) => observe({ type: 'listen.disconnected', cause }),
    signal: stop.signal,
  });
  const resyncing = (async () => {
    while (!stop.signal.aborted) {
      await sleep(resyncMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
      if (!stop.signal.aborted) refreshQuietly();
    }
  })();

  await refresh().catch((cause: unknown) => observe({ type: 'registry.failed', cause }));

  return {
    snapshot: () => snapshot,
    ready: () => confirmedAt > Number.NEGATIVE_INFINITY,
    ageMs: () => now() - confirmedAt,
    refresh,
    async close() {
      stop.abort();
      clearTimeout(timer);
      await Promise.all([listening, resyncing, running?.catch(() => {})]);
    },
  };
}

interface Compiled {
  /** Everything that went in: the same text compiles to the same schema. */
  readonly source: string;
  readonly schema: CompiledSchema;
}

/** Compiles what changed and keeps the rest: a thousand schemas cost one comparison each. */
function compileAll(
  rows: RegistryRows,
  before: ReadonlyMap<string, Compiled>,
): Map<string, Compiled> {
  const specs = new Map<string, SchemaDefinitionSpec>(
    rows.schemas.map((row) => [pathOf(row), row.spec]),
  );
  const next = new Map<string, Compiled>();
  for (const row of rows.schemas) {
    const path = pathOf(row);
    // References take their type from the target, which never changes the type of a key it serves.
    const source = `${row.revision}\n${row.pgNamespace}\n${row.pgTable}\n${JSON.stringify([row.access, row.standing, row.referred, row.frozen])}`;
    const known = before.get(path);
    next.set(
      path,
      known?.source === source
        ? known
        : { source, schema: compileSchema(row, (target) => specs.get(target)) },
    );
  }
  return next;
}

function pathOf(row: RevisionRow): string {
  return schemaPath({ ...row, version: row.spec.version });
}

function buildSnapshot(
  rows: RegistryRows,
  compiled: ReadonlyMap<string, Compiled>,
  { serve, before }: { readonly serve: ServedScope | undefined; readonly before: RegistrySnapshot },
): RegistrySnapshot {
  const targets = new Map([...compiled].map(([path, { schema }]) => [path, schema]));
  const served = rows.schemas.filter((row) => isServed(serve, row)).map(pathOf);
  const bindings = new Map<string, BindingEntry[]>();
  for (const row of rows.bindings) {
    const key = `${row.organisation}\n${row.actorId}`;
    const entry = { ...row, expiresAt: instant(row.expiresAt) };
    const list = bindings.get(key);
    if (list === undefined) bindings.set(key, [entry]);
    else list.push(entry);
  }
  const domains = new Map(rows.domains.map((row): [string, DomainEntry] => [row.namespace, row]));
  const adminRoles = new Map(
    rows.organisations.map((row): [string, readonly string[]] => [row.name, row.adminRoles]),
  );
  return {
    schemas: new Map(served.map((path) => [path, targets.get(path)!])),
    targets,
    dropped: new Map(
      rows.dropped.filter((row) => isServed(serve, row)).map((row) => [schemaPath(row), row]),
    ),
    domains,
    bindings,
    keys: new Map(
      rows.keys.map((row): [string, KeyEntry] => [
        row.keyHash,
        {
          namespace: row.namespace,
          name: row.name,
          organisation: row.organisation,
          actor: row.actor,
          actorType: row.actorType,
          roles: row.roles,
          scopes: row.scopes.map((scope) => ({ ...(scope as KeyScope), namespace: row.namespace })),
          ipAllowlist: row.ipAllowlist,
          expiresAt: instant(row.expiresAt),
          revokedAt: instant(row.revokedAt),
          replaced: row.replaced,
        },
      ]),
    ),
    strategies: new Map(
      rows.strategies.map(({ metadata: { namespace, name }, spec }) => {
        const ref = `${namespace}/${name}`;
        const organisation = organisationOf(namespace, { domains, adminRoles });
        const entry = { ref, namespace, name, organisation, spec };
        const known = before.strategies.get(ref);
        return [ref, isSameStrategy(known, entry) ? known : entry] as const;
      }),
    ),
    adminRoles,
    quotas: requestQuotas(rows),
  };
}

/** What is remembered of a strategy, tokens that it verified for example, stays with its object. */
function isSameStrategy(
  known: StrategyEntry | undefined,
  entry: StrategyEntry,
): known is StrategyEntry {
  return known !== undefined && JSON.stringify(known) === JSON.stringify(entry);
}

function instant(time: string | null): number | undefined {
  return time === null ? undefined : Date.parse(time);
}
