import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startLocalApi } from './local-api.ts';
import { runVelocity, temporaryFolder } from './run-velocity.ts';

const namespace = 'acme-shop-sales';
const schema = {
  apiVersion: 'velocity.sh/v1',
  kind: 'SchemaDefinition',
  metadata: { name: 'order', namespace },
  spec: {
    version: 'v1',
    auth: { strategyRef: { name: 'keys', namespace } },
    access: {
      roles: [{ role: 'seller', operations: ['create', 'read'] }],
      rowFilter: [{ role: 'seller', filter: { field: 'region', op: 'eq', value: 'north' } }],
    },
    search: { tier: 'Tier1' },
    fields: [
      { name: 'region', type: 'string' },
      { name: 'price', type: 'decimal', access: { write: ['boss'] } },
      { name: 'margin', type: 'decimal', access: { read: ['boss'] } },
      { name: 'phone', type: 'string', mask: { strategy: 'redact' } },
    ],
  },
};
const domain = {
  apiVersion: 'velocity.sh/v1',
  kind: 'Domain',
  metadata: { name: 'sales', namespace },
  spec: { app: 'shop', displayName: 'Sales', access: { defaultRole: 'member', adminRole: 'boss' } },
};

const table = `ROLE          OPERATIONS   ROWS
seller        create read  region eq north
boss (admin)  all          all

FIELD   seller  boss
region  rc      rcu
price   r       rcu
margin  -       rcu
phone   mc      rcu

r read, m read masked, c set on create, u update, - nothing
`;

it('prints the same from files and from an API', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'order.json'), JSON.stringify(schema));
  await writeFile(join(folder, 'sales.json'), JSON.stringify(domain));
  const argv = ['access', 'matrix', 'order'];
  const offline = await runVelocity([...argv, '-f', 'order.json', '-f', 'sales.json'], { folder });
  expect(offline).toMatchObject({ exitCode: 0, stdout: table });
  const api = await startLocalApi({
    'GET /api/platform/objects/SchemaDefinition': () => ({ body: { data: [schema] } }),
    'GET /api/platform/objects/Domain': () => ({ body: { data: [domain] } }),
  });
  expect(await runVelocity([...argv, '--url', api.url])).toMatchObject({ stdout: table });
  const csv = await runVelocity([...argv, '-f', 'order.json', '--csv'], { folder });
  expect(csv.stdout.split('\n').slice(0, 4)).toEqual([
    ...['role,operation,field,right', 'seller,create,region,write', 'seller,create,price,read'],
    'seller,create,margin,none',
  ]);
  const json = await runVelocity([...argv, '-f', 'order.json', '-o', 'json'], { folder });
  expect(JSON.parse(json.stdout).roles[0].fields.read.margin).toBe('none');
});

it('says that a file holds no such schema', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'sales.json'), JSON.stringify(domain));
  const ran = await runVelocity(['access', 'matrix', 'order', '-f', 'sales.json'], { folder });
  expect(ran).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('no SchemaDefinition'),
  });
});
