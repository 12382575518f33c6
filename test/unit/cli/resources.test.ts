import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { problem, startLocalApi } from './local-api.ts';
import type { StoredResource } from './objects-api.ts';
import { createObjectsApi, objectRoutes } from './objects-api.ts';
import { runVelocity, temporaryFolder } from './run-velocity.ts';

const binding = (name: string, actorId: string, roles: string[]): StoredResource => ({
  apiVersion: 'velocity.sh/v1',
  kind: 'RoleBinding',
  metadata: { name, namespace: 'acme-travel-flights', resourceVersion: '7' },
  spec: { actorId, roles },
});

const manifest = (name: string, roles: string) => `apiVersion: velocity.sh/v1
kind: RoleBinding
metadata: { name: ${name}, namespace: acme-travel-flights }
spec:
  actorId: alice
  roles: ${roles}
`;

const bindingKey = (name: string) => `RoleBinding/acme-travel-flights/${name}`;

describe('apply', () => {
  it('applies a folder in the order of its names and waits until all are Ready', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'manifests', 'more'), { recursive: true });
    await writeFile(join(folder, 'manifests', 'b.yaml'), manifest('b', '[reader]'));
    await writeFile(
      join(folder, 'manifests', 'a.yml'),
      `${manifest('a1', '[x]')}---\n${manifest('a2', '[x]')}`,
    );
    await writeFile(join(folder, 'manifests', 'more', 'c.yaml'), manifest('c', '[x]'));
    await writeFile(join(folder, 'manifests', 'README.md'), 'not a manifest');
    await writeFile(join(folder, 'manifests', 'data.json'), '[{"iata":"AUS"}]');
    const names = ['a1', 'a2', 'b', 'c'];
    const handler = createObjectsApi(new Map(), (_, reads) =>
      reads < 2
        ? { phase: 'Provisioning', observedGeneration: 1 }
        : { phase: 'Ready', observedGeneration: 1 },
    );
    const api = await startLocalApi(objectRoutes(handler, names.map(bindingKey)));
    const ran = await runVelocity(['apply', '-f', 'manifests', '--wait', '--url', api.url], {
      folder,
    });
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout.match(/\b(a1|a2|b|c)\b(?= +created)/g)).toEqual(names);
    expect(ran.stderr).toContain('4 of 4 Ready');
  });

  it('says which file and line each problem is at', async () => {
    const api = await startLocalApi({
      'POST /api/platform/objects': () =>
        problem(400, 'VALIDATION_ERROR', '1 of 2 manifests are not valid.', {
          details: {
            problems: [
              {
                manifest: 1,
                pointer: '/spec/roles',
                rule: 'type',
                message: 'must be a list',
                hint: 'roles: [reader]',
              },
            ],
          },
        }),
    });
    const folder = await temporaryFolder();
    const text = `${manifest('a', '[x]')}---\n${manifest('b', 'x')}`;
    await writeFile(join(folder, 'roles.yaml'), text);
    const ran = await runVelocity(['apply', '-f', 'roles.yaml', '--url', api.url], { folder });
    expect(ran).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(
        'roles.yaml:13: /spec/roles must be a list\n    hint: roles: [reader]',
      ),
    });
  });

  it('reports broken YAML with its place and applies nothing', async () => {
    const api = await startLocalApi({});
    const argv = ['apply', '-f', '-', '--url', api.url];
    const ran = await runVelocity(argv, { stdin: 'kind: [x\nmetadata: {' });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/\(standard input\):\d+:\d+: /);
    expect(api.asked).toEqual([]);
  });

  it('does not wait for what has failed', async () => {
    const handler = createObjectsApi(new Map(), () => ({
      phase: 'Failed',
      observedGeneration: 1,
      conditions: [{ type: 'Ready', status: 'False', reason: 'Broken', message: 'no such role' }],
    }));
    const api = await startLocalApi(objectRoutes(handler, [bindingKey('a')]));
    const ran = await runVelocity(['apply', '-f', '-', '--wait', '--url', api.url], {
      stdin: manifest('a', '[x]'),
    });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('acme-travel-flights/a: Failed (Broken: no such role)');
  });
});

describe('get and delete', () => {
  const two = () =>
    new Map([
      [bindingKey('a'), binding('a', 'alice', ['reader'])],
      [bindingKey('b'), binding('b', 'bob', ['writer'])],
    ]);

  it('shows a table for people and exactly the data for scripts', async () => {
    const keys = ['RoleBinding', bindingKey('a')];
    const api = await startLocalApi(objectRoutes(createObjectsApi(two()), keys));
    const table = await runVelocity(['get', 'vrb', '--url', api.url]);
    expect(table.stdout.split('\n')[0]).toMatch(/^NAMESPACE +NAME +ACTOR +ROLES +EXPIRES +PHASE/);
    expect(table.stdout).toMatch(/acme-travel-flights +b +bob +writer +never +Ready/);
    const json = await runVelocity(['get', 'rolebindings', 'a', '-o', 'json', '--url', api.url]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      kind: 'RoleBinding',
      spec: { actorId: 'alice' },
    });
    const yaml = await runVelocity(['get', 'RoleBinding/a', '-o', 'yaml', '--url', api.url]);
    expect(yaml.stdout).toContain('actorId: alice');
  });

  it('ends with 3 for what is not there', async () => {
    const api = await startLocalApi(objectRoutes(createObjectsApi(two()), ['RoleBinding']));
    const ran = await runVelocity(['get', 'rolebinding', 'zoe', '--url', api.url]);
    expect(ran).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('"zoe"') });
  });

  it('confirms the deletion of a schema by its annotation, on the version that was read', async () => {
    const key = 'SchemaDefinition/acme-travel-flights/airport';
    const schema = {
      ...binding('airport', '', []),
      kind: 'SchemaDefinition',
      spec: { version: 'v1' },
    };
    const stored = new Map([[key, schema]]);
    const api = await startLocalApi(
      objectRoutes(createObjectsApi(stored), ['SchemaDefinition', key]),
    );
    const argv = ['delete', 'schema', 'airport', '--confirm', '--wait', '--url', api.url];
    const ran = await runVelocity(argv);
    expect(ran).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('deleted') });
    expect(stored.size).toBe(0);
    const applied = api.asked.find(({ method }) => method === 'POST');
    expect(JSON.parse(applied?.body ?? '')).toMatchObject({
      items: [
        {
          metadata: {
            resourceVersion: '7',
            annotations: { 'velocity.sh/confirm-delete': 'airport' },
          },
        },
      ],
    });
  });
});

describe('grant and revoke', () => {
  it('writes the same binding for the same grant and another for another scope', async () => {
    const stored = new Map<string, StoredResource>();
    const api = await startLocalApi(objectRoutes(createObjectsApi(stored), ['RoleBinding']));
    const grant = ['grant', 'alice@acme.example', 'buyer', '-n', 'acme-erp', '--url', api.url];
    await runVelocity(grant);
    await runVelocity(grant);
    await runVelocity([...grant, '--attribute', 'region=EU']);
    expect([...stored.keys()]).toEqual([
      expect.stringMatching(/^RoleBinding\/acme-erp\/alice-acme-example-buyer-[0-9a-f]{6}$/),
      expect.stringMatching(/^RoleBinding\/acme-erp\/alice-acme-example-buyer-[0-9a-f]{6}$/),
    ]);
    expect([...stored.values()][1]?.spec).toEqual({
      actorId: 'alice@acme.example',
      roles: ['buyer'],
      scopes: [{ schema: '*', attributes: { region: 'EU' } }],
    });
  });

  it('takes an end as a time or from now on, and a version of a schema', async () => {
    const stored = new Map<string, StoredResource>();
    const api = await startLocalApi(objectRoutes(createObjectsApi(stored), ['RoleBinding']));
    const grant = (...argv: string[]) =>
      runVelocity(['grant', 'alice', 'buyer', '-n', 'acme-erp', '--url', api.url, ...argv]);
    const attributes = [
      '--attribute',
      'region=EU',
      '--attribute',
      'region=US',
      '--attribute',
      'a=b',
    ];
    const limits = ['--schema', 'order', '--schema-version', 'v2', '--operations', 'read'];
    const scope = [...limits, ...attributes];
    const startedAt = Date.now();
    await grant('--expires', '8h', ...scope);
    const { expiresAt, scopes } = [...stored.values()][0]!.spec;
    expect(scopes).toEqual([
      {
        ...{ schema: 'order', version: 'v2', operations: ['read'] },
        attributes: { region: ['EU', 'US'], a: 'b' },
      },
    ]);
    const hours = (Date.parse(String(expiresAt)) - startedAt) / 3_600_000;
    expect(hours).toBeGreaterThanOrEqual(8);
    expect(hours).toBeLessThan(8.1);
    // The same grant with another end is the same binding, renewed.
    await grant('--expires', '2030-01-31T00:00:00Z', ...scope);
    expect([...stored.values()].map(({ spec }) => spec['expiresAt'])).toEqual([
      '2030-01-31T00:00:00.000Z',
    ]);
    for (const wrong of ['soon', '8 hours', '999999999y']) {
      expect((await grant('--expires', wrong)).exitCode, wrong).toBe(2);
    }
  });

  it('takes one role and leaves the others; without a role takes the binding', async () => {
    const stored = new Map([
      [bindingKey('a'), binding('a', 'alice', ['reader', 'writer'])],
      [bindingKey('b'), binding('b', 'alice', ['writer'])],
      [bindingKey('c'), binding('c', 'bob', ['writer'])],
    ]);
    const keys = ['RoleBinding', bindingKey('a'), bindingKey('b')];
    const api = await startLocalApi(objectRoutes(createObjectsApi(stored), keys));
    const revoke = (...argv: string[]) =>
      runVelocity(['revoke', ...argv, '-n', 'acme-travel-flights', '--url', api.url]);
    expect((await revoke('alice', 'writer')).exitCode).toBe(0);
    expect(stored.get(bindingKey('a'))?.spec['roles']).toEqual(['reader']);
    expect(stored.has(bindingKey('b'))).toBe(false);
    expect((await revoke('alice')).exitCode).toBe(0);
    expect([...stored.keys()]).toEqual([bindingKey('c')]);
    expect((await revoke('alice')).exitCode).toBe(3);
  });

  it('asks for a namespace where it would have to guess', async () => {
    const api = await startLocalApi({});
    const ran = await runVelocity(['grant', 'alice', 'buyer', '--url', api.url]);
    expect(ran).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('-n ORG-APP-DOMAIN'),
    });
  });
});
