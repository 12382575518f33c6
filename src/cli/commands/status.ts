import { Command } from 'commander';
import { kinds } from '../../contract/kinds.ts';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { ApiRefusal } from '../failures.ts';
import { example } from '../help.ts';
import { age, cell, printData, renderTable } from '../output.ts';
import type { ResourceView } from '../resources-api.ts';
import { listResources, messageOf, phaseOf } from '../resources-api.ts';
import { listSchemaRoutes } from '../schema-routes.ts';
import type { Readiness } from '../server-state.ts';
import { findReadiness, findServerVersion } from '../server-state.ts';

interface Status {
  readonly api: Readiness & { readonly url: string; readonly version: string };
  readonly schemas: readonly SchemaStatus[];
  /** By kind, how many are in each phase; undefined where the caller may not look. */
  readonly resources?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly attention: readonly Attention[];
}

interface SchemaStatus {
  readonly path: string;
  readonly phase?: string;
  readonly revision?: unknown;
  readonly served: boolean;
}

interface Attention {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly since?: string;
  readonly message: string;
}

const quietPhases = new Set(['Ready', 'Deprecated']);
const troublePhases = new Set(['Failed', 'Drifted']);

export function statusCommand(cli: Cli): Command {
  return new Command('status')
    .description('is the API ready, what does it serve, and what needs attention')
    .addHelpText(
      'after',
      '\nEnds with 6 when the API is not ready and with 1 when a resource has failed.\n',
    )
    .addHelpText('after', example('velocity status'))
    .action(async (_: unknown, command: Command) => {
      const { api, output } = await connect(cli, command);
      const status = await gatherStatus(api);
      printData(cli, output, status, () => show(cli, status));
      const failed = status.attention.some(({ phase }) => troublePhases.has(phase));
      if (!status.api.ready) cli.exitCode = exitCodes.unavailable;
      else if (failed) cli.exitCode = exitCodes.failure;
    });
}

async function gatherStatus(api: ApiClient): Promise<Status> {
  const [readiness, version] = await Promise.all([findReadiness(api), findServerVersion(api)]);
  const state = { url: api.url, version: String(version['version'] ?? 'unknown'), ...readiness };
  if (!readiness.ready) return { api: state, schemas: [], attention: [] };
  const [routes, resources] = await Promise.all([listSchemaRoutes(api), findResources(api)]);
  const served = new Set(routes.map(({ path }) => path));
  const schemas = new Map<string, SchemaStatus>();
  for (const path of served) schemas.set(path, { path, served: true });
  for (const resource of resources ?? []) {
    if (resource.kind !== 'SchemaDefinition') continue;
    const path = pathOf(resource, served);
    const revision = resource.status?.['activeRevision'];
    schemas.set(path, { path, phase: phaseOf(resource), revision, served: served.has(path) });
  }
  return {
    api: state,
    schemas: [...schemas.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1)),
    ...(resources === undefined ? {} : { resources: countPhases(resources) }),
    attention: (resources ?? []).filter((one) => !quietPhases.has(phaseOf(one))).map(attentionOf),
  };
}

/** Undefined for callers who may see records but not resources. */
async function findResources(api: ApiClient): Promise<ResourceView[] | undefined> {
  try {
    const lists = await Promise.all(kinds.map(({ kind }) => listResources(api, kind)));
    return lists.flat();
  } catch (error) {
    if (error instanceof ApiRefusal && (error.status === 403 || error.status === 404))
      return undefined;
    throw error;
  }
}

/** Names may hold hyphens, so `acme-air-travel-flights` alone does not say where the parts end. */
function pathOf({ metadata, spec }: ResourceView, served: ReadonlySet<string>): string {
  const end = `/${metadata.name}/${spec['version']}`;
  const found = [...served].find(
    (path) => path.endsWith(end) && path.split('/').slice(0, 3).join('-') === metadata.namespace,
  );
  return found ?? `${metadata.namespace}${end}`;
}

function countPhases(resources: readonly ResourceView[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const resource of resources) {
    counts[resource.kind] ??= {};
    const ofKind = counts[resource.kind]!;
    ofKind[phaseOf(resource)] = (ofKind[phaseOf(resource)] ?? 0) + 1;
  }
  return counts;
}

function attentionOf(resource: ResourceView): Attention {
  const { metadata, kind, status } = resource;
  const since = status?.conditions?.find((one) => one.status === 'False')?.lastTransitionTime;
  return {
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    phase: phaseOf(resource),
    ...((since ?? metadata.creationTimestamp)
      ? { since: since ?? metadata.creationTimestamp! }
      : {}),
    message: messageOf(resource),
  };
}

function show(cli: Cli, status: Status): string {
  const { api, schemas, resources, attention } = status;
  const readiness = api.ready ? 'ready' : `not ready: ${api.reason ?? 'it does not say why'}`;
  const parts = [`API ${api.url}, version ${api.version}: ${readiness}`];
  if (!api.ready) return parts.join('\n');
  const table = renderTable(cli, {
    head: ['SCHEMA', 'PHASE', 'REVISION', 'SERVED'],
    rows: schemas.map(({ path, phase, revision, served }) => [
      path,
      cell(phase),
      cell(revision),
      served ? 'yes' : 'no',
    ]),
    empty: 'no schemas yet: velocity apply -f FOLDER',
  });
  parts.push('', table);
  if (resources !== undefined) {
    const counts = Object.entries(resources).map(([kind, phases]) => {
      const inPhases = Object.entries(phases).map(([phase, count]) => `${count} ${phase}`);
      return `${kind}: ${inPhases.join(', ')}`;
    });
    if (counts.length > 0) parts.push('', counts.join(' · '));
  }
  if (attention.length > 0) {
    const rows = attention.map(({ kind, namespace, name, phase, since, message }) => [
      `${kind} ${namespace}/${name}`,
      phase,
      age(since, cli.now()),
      cell(message),
    ]);
    parts.push(
      '',
      'Needs attention:',
      renderTable(cli, { head: ['RESOURCE', 'PHASE', 'SINCE', 'MESSAGE'], rows }),
    );
  }
  return parts.join('\n');
}
