import { execFile } from 'node:child_process';
import { access, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../../src/config.ts';
import type { BenchDatabase } from './database.ts';

const execute = promisify(execFile);

/** Operations whose transaction is also measured without any service. */
export const limited = ['get', 'create'] as const;
export type Limited = (typeof limited)[number];

/** Rows whose ids pgbench can compute from a number. */
const rowsMax = 20_000;

const record = `row_to_json((select r from (select t.id, t.version, t.order_number, t.customer, t.status, t.region,
    t.amount::text as amount, t.quantity, t.express, t.ordered_on, t.carrier, t.notes,
    t.created_at, t.created_by, t.updated_at, t.updated_by) r))::text`;

/**
 * The transactions of the services as functions, so that one prepared call is one transaction:
 * nothing that speaks to this database can be faster. They run with the caller's rights.
 */
const functions = `
  create schema bench;
  create function bench.context() returns void language plpgsql as $$
  begin
    perform set_config('role', 'velocity_bench_shop_sales', true),
            set_config('velocity.organisation', 'bench', true),
            set_config('velocity.actor', 'loader', true),
            set_config('velocity.actor_type', 'service', true),
            set_config('velocity.strategy', 'apikey', true),
            set_config('velocity.request_id', '01990000-0000-7000-8000-000000000000', true),
            set_config('velocity.grants', '{"bench/shop/sales/order/v1":[{"role":"clerk","attributes":{}}]}', true),
            set_config('velocity.reason', '', true),
            set_config('velocity.ticket_ref', '', true);
  end $$;
  create function bench.get_order(p_id uuid) returns text language plpgsql as $$
  declare v_data text; v_version bigint;
  begin
    perform bench.context();
    select t.version, ${record} into v_version, v_data
      from bench_shop_sales.order_v1 t where t.id = p_id and t.deleted_at is null;
    return v_data;
  end $$;
  create sequence bench.number;
  create function bench.create_order() returns text language plpgsql as $$
  declare v_data text;
  begin
    perform bench.context();
    insert into bench_shop_sales.order_v1 as t
           (id, order_number, customer, status, region, amount, quantity, express, ordered_on, carrier, notes)
    values (uuidv7(), 'PG-' || lpad(nextval('bench.number')::text, 10, '0'), 'Customer & Sons', 'open', 'emea', 17.25, 12, false,
            '2026-03-01', 'carrier 7', 'Leave at the door of house 12, call before delivery.')
    returning ${record} into v_data;
    return v_data;
  end $$;
  grant usage on schema bench to public;
  grant usage on sequence bench.number to public;
  insert into bench_shop_sales.order_v1
         (id, order_number, customer, status, region, amount, quantity, express, ordered_on, carrier, notes)
  select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'PI-' || lpad(n::text, 10, '0'), customer,
         status, region, amount, quantity, express, ordered_on, carrier, notes
    from (select t.*, row_number() over (order by t.id) as n from bench_shop_sales.order_v1 t
           order by t.id limit ${rowsMax}) as t`;

const scripts: Readonly<Record<Limited, string>> = {
  get: `\\set n random(1, :rows)
select bench.get_order(('00000000-0000-7000-8000-' || lpad(to_hex(:n::integer), 12, '0'))::uuid);
`,
  create: 'select bench.create_order();\n',
};

export interface Pgbench {
  /** Transactions a second. */
  run(operation: Limited, connections: number, seconds: number): Promise<number>;
}

/** Undefined when this machine has no pgbench. */
export async function openPgbench(database: BenchDatabase): Promise<Pgbench | undefined> {
  const program = await findPgbench();
  if (program === undefined) return undefined;
  await database.query(functions);
  for (const operation of limited) {
    await writeFile(scriptOf(database, operation), scripts[operation], { mode: 0o644 });
  }
  const [count] = await database.query<{ rows: number }>(
    `select count(*)::int as rows from bench_shop_sales.order_v1 where order_number like 'PI-%'`,
  );
  return {
    run: async (operation, connections, seconds) => {
      const { stdout } = await runQuietly(program, [
        ...['--host', '127.0.0.1', '--port', String(database.port), '--username', 'velocity_api'],
        ...['--protocol', 'prepared', '--no-vacuum', '--client', String(connections)],
        ...['--jobs', '2', '--time', String(Math.ceil(seconds))],
        ...['--define', `rows=${count?.rows ?? 1}`],
        ...['--file', scriptOf(database, operation), database.database],
      ]);
      const found = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
      if (found === undefined) throw new Error(`pgbench told no tps:\n${stdout}`);
      return Number(found);
    },
  };
}

/** pgbench repeats a failure for each client: its first lines say enough. */
async function runQuietly(program: string, args: readonly string[]): Promise<{ stdout: string }> {
  try {
    return await execute(program, [...args]);
  } catch (error) {
    const { stderr } = error as { stderr: string };
    throw new Error(`pgbench failed:\n${stderr.slice(0, 600)}`);
  }
}

function scriptOf(database: BenchDatabase, operation: Limited): string {
  return join(database.folder, `${operation}.sql`);
}

/** Of the PATH, else the newest of Debian's versions. */
async function findPgbench(): Promise<string | undefined> {
  const debian = '/usr/lib/postgresql';
  const versions = await readdir(debian).catch(() => []);
  const folders = [
    ...(environment()['PATH'] ?? '').split(delimiter),
    ...versions
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(debian, version, 'bin')),
  ];
  for (const folder of folders) {
    const program = join(folder, 'pgbench');
    const found = await access(program).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  return undefined;
}
