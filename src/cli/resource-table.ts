import type { Kind } from '../contract/kinds.ts';
import type { TableView } from './output.ts';
import { age, cell } from './output.ts';
import type { ResourceView } from './resources-api.ts';
import { messageOf, phaseOf } from './resources-api.ts';

type Column = readonly [title: string, value: (resource: ResourceView, nowMs: number) => unknown];

/** What tells resources of one kind apart, beside what every kind shows. */
const columnsOfKind: Partial<Record<Kind, readonly Column[]>> = {
  SchemaDefinition: [
    ['VERSION', ({ spec }) => spec['version']],
    ['REVISION', ({ status }) => status?.['activeRevision']],
    ['FIELDS', ({ spec }) => (Array.isArray(spec['fields']) ? spec['fields'].length : undefined)],
  ],
  Application: [['ORG', ({ spec }) => spec['org']]],
  Domain: [['APP', ({ spec }) => spec['app']]],
  RoleBinding: [
    ['ACTOR', ({ spec }) => spec['actorId']],
    ['ROLES', ({ spec }) => (Array.isArray(spec['roles']) ? spec['roles'].join(',') : undefined)],
    ['EXPIRES', ({ spec }, nowMs) => expiry(spec['expiresAt'], nowMs)],
  ],
  ApiKey: [
    ['ACTOR', ({ spec }) => spec['actor']],
    ['EXPIRES', ({ spec }, nowMs) => expiry(spec['expiry'], nowMs)],
    ['REVOKED', ({ status }) => status?.['revokedAt']],
    // Written down once a minute; a dash says that it was never used.
    ['USED', ({ status }, nowMs) => age(status?.['lastUsedAt'], nowMs)],
  ],
  AuthStrategy: [['TYPE', ({ spec }) => spec['type']]],
};

export function tableOfResources(
  kind: Kind,
  resources: readonly ResourceView[],
  nowMs: number,
): TableView {
  const own = columnsOfKind[kind] ?? [];
  return {
    head: ['NAMESPACE', 'NAME', ...own.map(([title]) => title), 'PHASE', 'AGE', 'MESSAGE'],
    rows: resources.map((resource) => [
      resource.metadata.namespace,
      resource.metadata.name,
      ...own.map(([, value]) => cell(value(resource, nowMs))),
      phaseOf(resource),
      age(resource.metadata.creationTimestamp, nowMs),
      cell(messageOf(resource)),
    ]),
    empty: `there is no ${kind}`,
  };
}

/** What has ended by itself says so: its phase is still Ready. */
function expiry(time: unknown, nowMs: number): string {
  if (typeof time !== 'string') return 'never';
  return Date.parse(time) <= nowMs ? `${time} (ended)` : time;
}
