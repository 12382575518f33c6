import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { BulkApi } from './bulk-api.ts';
import { createBulkApi } from './bulk-api.ts';
import type { LocalApi } from './local-api.ts';
import { problem, startLocalApi } from './local-api.ts';
import type { Ran, RunOptions } from './run-velocity.ts';
import { runVelocity, temporaryFolder } from './run-velocity.ts';

interface Loading {
  readonly bulk: BulkApi;
  readonly api: LocalApi;
  readonly folder: string;
  load(argv?: readonly string[], options?: RunOptions): Promise<Ran>;
  rejected(): Promise<Record<string, unknown>[]>;
}

async function prepare(file: string, content: string | Buffer): Promise<Loading> {
  const folder = await temporaryFolder();
  const bulk = createBulkApi();
  const api = await startLocalApi(bulk.routes);
  await writeFile(join(folder, file), content);
  return {
    bulk,
    api,
    folder,
    load: (argv = [], options = {}) =>
      runVelocity(['load', 'airport', file, '--url', api.url, ...argv], { folder, ...options }),
    rejected: async () => {
      const text = await readFile(join(folder, `${file}.rejected.ndjson`), 'utf8');
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

const codes = (count: number) => Array.from({ length: count }, (_, at) => `A${at}`);
const csvOf = (names: readonly string[]) => `iata\n${names.join('\n')}\n`;
const bulkRequests = ({ api }: Loading) => api.asked.filter(({ path }) => path.endsWith('/bulk'));

describe('load › CSV', () => {
  it('maps headers to fields and types values by the schema', async () => {
    const loading = await prepare(
      'airports.csv',
      '\ufeffIATA,Name,gates,open,tags,latitude,longitude,note\r\n' +
        'AUS,"Austin, ""TX""",27,yes,a;b,30.19,-97.67,x\r\n' +
        'DAL,NA,,,,,,\r\n',
    );
    const argv = ['--map', 'latitude,longitude=position', '--map', 'note=', '--null', 'NA'];
    const ran = await loading.load([...argv, '-o', 'json']);
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ rows: 2, created: 2, rejected: 0 });
    expect(loading.bulk.records).toEqual([
      {
        iata: 'AUS',
        name: 'Austin, "TX"',
        gates: 27,
        open: true,
        tags: ['a', 'b'],
        position: { lat: 30.19, lon: -97.67 },
      },
      { iata: 'DAL' },
    ]);
  });

  it('refuses columns that no field takes before it sends anything', async () => {
    const loading = await prepare('a.csv', 'iata,nmae\nAUS,x\n');
    const ran = await loading.load();
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/no field for "nmae"[\s\S]*--map[\s\S]*iata, name, gates/);
    expect(bulkRequests(loading)).toEqual([]);
  });

  it('reads tabs, other delimiters, gzip and other encodings', async () => {
    const tabs = await prepare('a.tsv', 'iata\tname\nAUS\tx,y\n');
    expect((await tabs.load()).exitCode).toBe(0);
    expect(tabs.bulk.records).toEqual([{ iata: 'AUS', name: 'x,y' }]);

    const packed = await prepare('a.csv.gz', gzipSync('iata;name\nAUS;x\n'));
    expect((await packed.load(['--delimiter', ';'])).exitCode).toBe(0);
    expect(packed.bulk.records).toEqual([{ iata: 'AUS', name: 'x' }]);

    const latin = await prepare('b.csv', Buffer.from('iata,name\nZRH,Zürich\n', 'latin1'));
    expect(await latin.load()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('--encoding latin1'),
    });
    expect((await latin.load(['--encoding', 'latin1'])).exitCode).toBe(0);
    expect(latin.bulk.records).toEqual([{ iata: 'ZRH', name: 'Zürich' }]);
  });

  it('writes refused rows with line, reason and record, and ends with 1', async () => {
    const loading = await prepare('a.csv', 'iata,name\nAUS,a\n,b\nDAL,c,d\nAUS,e\nHOU,f\n');
    const ran = await loading.load();
    expect(ran).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('3 refused') });
    expect(loading.bulk.records.map(({ iata }) => iata)).toEqual(['AUS', 'HOU']);
    expect(await loading.rejected()).toEqual([
      { line: 3, code: 'VALIDATION_ERROR', detail: 'iata is required', record: { name: 'b' } },
      {
        line: 4,
        code: 'VALIDATION_ERROR',
        detail: 'has 3 values where the header names 2 columns',
        record: 'DAL,c,d',
      },
      {
        line: 5,
        code: 'UNIQUE_CONSTRAINT_VIOLATION',
        detail: 'iata is taken',
        record: { iata: 'AUS', name: 'e' },
      },
    ]);
  });

  it('passes over what is there already when asked to', async () => {
    const loading = await prepare('a.csv', csvOf(['AUS', 'DAL']));
    loading.bulk.records.push({ iata: 'AUS' });
    const ran = await loading.load(['--skip-existing', '-o', 'json']);
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ created: 1, skipped: 1, rejected: 0 });
  });
});

describe('load › JSON', () => {
  it('sends NDJSON rows as they stand, large numbers included', async () => {
    const big = '{"iata":"AUS","gates":12345678901234567890}';
    const loading = await prepare('a.ndjson', `${big}\n\n[1]\n{broken\n{"iata":"DAL"}`);
    expect((await loading.load()).exitCode).toBe(1);
    expect(bulkRequests(loading)[0]?.body).toContain(`"record":${big}`);
    expect(await loading.rejected()).toMatchObject([
      { line: 3, detail: 'is not a JSON object', record: '[1]' },
      { line: 4, detail: expect.stringContaining('is not valid JSON'), record: '{broken' },
    ]);
    expect(loading.bulk.records).toHaveLength(2);
  });

  it('cuts one JSON array into rows wherever the chunks end', async () => {
    const rows = codes(3_000).map((iata) => ({ iata, name: 'a "b" \\ ],{[', tags: ['x', ']'] }));
    const loading = await prepare('a.json', JSON.stringify(rows, null, 1));
    expect((await loading.load()).exitCode).toBe(0);
    expect(loading.bulk.records).toEqual(rows);
  });

  it('takes rows from standard input', async () => {
    const loading = await prepare('unused', '');
    const argv = ['load', 'airport', '-', '--url', loading.api.url];
    const ran = await runVelocity(argv, { folder: loading.folder, stdin: '[{"iata":"AUS"}]' });
    expect(ran.exitCode).toBe(0);
    expect(loading.bulk.records).toEqual([{ iata: 'AUS' }]);
  });

  it('says when an array is cut off', async () => {
    const loading = await prepare('a.json', '[{"iata":"AUS"},{"iata"');
    expect(await loading.load()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('is the file whole?'),
    });
  });
});

describe('load › interruptions', () => {
  it('goes on after Ctrl-C, every row applied once', async () => {
    const loading = await prepare('a.csv', csvOf(codes(100)));
    let interrupt = () => {};
    loading.bulk.afterBatch = (batches) => {
      if (batches === 3) interrupt();
    };
    const first = await loading.load(['--batch-size', '10'], {
      onInterruptible: (callback) => {
        interrupt = callback;
      },
    });
    expect(first.exitCode).toBe(130);
    expect(first.stderr).toContain('Run the same command again');
    const applied = loading.bulk.records.length;
    expect(applied).toBeGreaterThanOrEqual(30);
    expect(applied).toBeLessThan(100);

    const second = await loading.load(['--batch-size', '10', '-o', 'json']);
    expect(second.exitCode).toBe(0);
    expect(second.stderr).toContain('going on after');
    expect(JSON.parse(second.stdout)).toMatchObject({ rows: 100, created: 100, rejected: 0 });
    expect(loading.bulk.records.map(({ iata }) => iata)).toEqual(codes(100));
    await expect(access(join(loading.folder, 'a.csv.velocity-load.json'))).rejects.toThrow();
  });

  it('applies a batch once although its answer was lost', async () => {
    const loading = await prepare('a.csv', csvOf(codes(30)));
    let interrupt = () => {};
    loading.bulk.afterBatch = (batches) => {
      if (batches !== 2) return;
      interrupt();
      interrupt(); // twice: the answer of this batch is not waited for
    };
    const first = await loading.load(['--batch-size', '10'], {
      onInterruptible: (callback) => {
        interrupt = callback;
      },
    });
    expect(first.exitCode).toBe(130);
    const second = await loading.load(['--batch-size', '10']);
    expect(second.exitCode).toBe(0);
    expect(loading.bulk.records.map(({ iata }) => iata)).toEqual(codes(30));
  });

  it('does not go on with another state of the file or other options', async () => {
    const loading = await prepare('a.csv', csvOf(codes(30)));
    loading.bulk.afterBatch = (batches) => {
      if (batches === 1) loading.bulk.instead.push(problem(403, 'RBAC_DENIED', 'revoked'));
    };
    expect(await loading.load(['--batch-size', '10'])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('stopped after 10 rows'),
    });
    expect(await loading.load(['--batch-size', '11'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--restart'),
    });
    await writeFile(join(loading.folder, 'a.csv'), csvOf(codes(31)));
    expect((await loading.load(['--batch-size', '10'])).exitCode).toBe(2);
    expect(
      (await loading.load(['--batch-size', '10', '--restart', '--skip-existing'])).exitCode,
    ).toBe(0);
    expect(loading.bulk.records).toHaveLength(31);
  });

  it('waits as long as the API asks and sends the batch again', async () => {
    const loading = await prepare('a.csv', csvOf(['AUS']));
    const headers = { 'retry-after': '1' };
    loading.bulk.instead.push({ ...problem(429, 'RATE_LIMITED', 'slow down'), headers });
    loading.bulk.instead.push(problem(503, 'POSTGRES_UNAVAILABLE', 'gone'));
    const startedMs = performance.now();
    const ran = await loading.load();
    expect(ran.exitCode).toBe(0);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_000);
    expect(ran.stderr).toContain('slow down; again in 1.0 s');
    const keys = bulkRequests(loading).map(({ headers: sent }) => sent['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('finds the row that makes a whole batch unacceptable', async () => {
    const rows = codes(20).map((iata, at) => ({ iata, name: at === 13 ? 'a\u0000b' : 'x' }));
    const loading = await prepare('a.ndjson', rows.map((row) => JSON.stringify(row)).join('\n'));
    expect((await loading.load()).exitCode).toBe(1);
    expect(loading.bulk.records).toHaveLength(19);
    expect(await loading.rejected()).toMatchObject([{ line: 14, record: { iata: 'A13' } }]);
  });

  it('stops at a refusal that concerns every row, and leaves nothing to go on from', async () => {
    const loading = await prepare('a.csv', csvOf(codes(50)));
    loading.bulk.instead.push(problem(403, 'RBAC_DENIED', 'You may not create airports.'));
    const ran = await loading.load(['--batch-size', '10']);
    expect(ran).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('RBAC_DENIED') });
    expect(bulkRequests(loading)).toHaveLength(1);
    await expect(access(join(loading.folder, 'a.csv.velocity-load.json'))).rejects.toThrow();
  });
});

describe('load › progress', () => {
  it('draws a bar on a terminal', async () => {
    const loading = await prepare('a.csv', csvOf(codes(500)));
    const ran = await loading.load(['--batch-size', '100'], { tty: true });
    expect(ran.stderr).toMatch(/█+.*% · [\d,]+ rows · [\d,]+ rows\/s/);
    expect(ran.stdout).toContain('500 rows, 500 created');
  });
});
