import type pg from 'pg';
import { expect } from 'vitest';
import type { SchemaDefinition } from '../../../src/contract/kinds.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from '../records/call.ts';
import { callerOf } from '../records/call.ts';
import { connect } from '../records/trail.ts';
import { runPromotion } from './run-promotion.ts';

export const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
export const v1 = [
  { name: 'title', type: 'string', required: true, filterable: true },
  { name: 'size', type: 'string' },
  { name: 'code', type: 'string', unique: true },
  { name: 'note', type: 'string' },
];
export const v2 = [
  { name: 'subject', type: 'string', required: true, maxLength: 40 },
  { name: 'size', type: 'integer', min: 0 },
  { name: 'code', type: 'string', unique: true },
  { name: 'status', type: 'enum', enumValues: ['open', 'closed'], required: true, default: 'open' },
];
export const migrateFrom = { version: 'v1', mapping: { subject: `'Re: ' + self.title` } };

/** An API over which schemas of two versions are served and promoted, without Temporal. */
export interface VersionsApi {
  readonly api: TestApi;
  readonly superuser: pg.Client;
  /** As a writer of records. */
  readonly send: Caller;
  at(object: string, version: string): string;
  tableOf(object: string, version: string): string;
  refOf(name: string): { kind: 'SchemaDefinition'; namespace: string; name: string };
  statusOf(name: string): Promise<SchemaDefinition['status']>;
  /** Both versions served, and these records in the first; answers their ids. */
  provide(name: string, records: object[], lifecycle?: object): Promise<string[]>;
  create(path: string, record: object): Promise<string>;
  promote(name: string, body?: object): ReturnType<Caller>;
  promoted(name: string, body?: object): Promise<void>;
  rows(text: string, values?: unknown[]): Promise<unknown[][]>;
  /** Triggers and tables that belong to a migration alone. */
  leftovers(name: string): Promise<unknown[][]>;
  close(): Promise<void>;
}

export async function openVersionsApi(): Promise<VersionsApi> {
  const api = await openTestApi();
  const send = callerOf(api, await api.keyFor('wanda', ['writer']));
  const admin = callerOf(api, api.adminKey);
  const superuser = await connect(api.database.superuserUrl);
  const { namespace } = api.tenant;
  const at: VersionsApi['at'] = (object, version) => api.path(object).replace(/v1$/, version);
  const tableOf: VersionsApi['tableOf'] = (object, version) =>
    `${namespace.replaceAll('-', '_')}.${object}_${version}`;
  const refOf: VersionsApi['refOf'] = (name) => ({ kind: 'SchemaDefinition', namespace, name });
  const create: VersionsApi['create'] = async (path, record) => {
    const made = await send('POST', path, { body: record });
    expect(made.statusCode, made.body).toBe(201);
    return made.json().data.id;
  };
  const promote: VersionsApi['promote'] = (name, body = { to: 'v2' }) =>
    admin('POST', `/api/platform/schemas/${namespace}/${name}/promote`, { body });
  const rows: VersionsApi['rows'] = async (text, values = []) =>
    (await superuser.query({ text, values, rowMode: 'array' })).rows;
  return {
    ...{ api, superuser, send, at, tableOf, refOf, create, promote, rows },
    statusOf: async (name) =>
      ((await api.deps.resources.find(refOf(name))) as SchemaDefinition).status,
    provide: async (name, records, lifecycle = { migrateFrom }) => {
      await api.provide(api.tenant.schema(name, { fields: v1, spec: writer }));
      const ids: string[] = [];
      for (const record of records) ids.push(await create(at(name, 'v1'), record));
      const spec = { ...writer, version: 'v2', lifecycle };
      await api.provide(api.tenant.schema(name, { fields: v2, spec }));
      return ids;
    },
    promoted: async (name, body) => {
      expect((await promote(name, body)).statusCode).toBe(202);
      await runPromotion(api.activities, refOf(name));
      await api.deps.registry.refresh();
    },
    leftovers: (name) =>
      rows(
        `select tgname::text from pg_trigger
          where tgrelid in ($1::regclass, $2::regclass) and tgname ~ 'copy|outbox|refuse_writes'
         union all select relname::text from pg_class where relname like $3 and relkind = 'r' order by 1`,
        [tableOf(name, 'v1'), tableOf(name, 'v2'), `${name}%outbox`],
      ),
    close: async () => {
      await superuser.end();
      await api.close();
    },
  };
}
