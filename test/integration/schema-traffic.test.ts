import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeProblems } from '../../bench/changes/check-writes.ts';
import { longest } from '../../bench/changes/lock-watch.ts';
import type { ChangesResult } from '../../bench/changes/run-changes.ts';
import { runChanges } from '../../bench/changes/run-changes.ts';
import type { LoggedWrite } from '../../bench/traffic/messages.ts';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { uniqueName } from '../support/postgres.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';
import { connect } from './records/trail.ts';

/** `make bench ARGS="--changes"` does the same over a million records and measures latencies too. */
const records = Number(process.env['TRAFFIC_RECORDS'] ?? 10_000);
const changesWithinMs = 240_000 + records / 2;

let plane: ControlPlane;
let api: ApiProcess;
let result: ChangesResult;

beforeAll(async () => {
  plane = await startControlPlane();
  const operatorUrl = plane.superuserUrl.replace('postgres@', 'velocity_operator@');
  const adminKey = await ensureBootstrapKey(operatorUrl, { env: 'test' });
  api = await spawnApi({
    VELOCITY_DATABASE_URL: plane.superuserUrl.replace('postgres@', 'velocity_api@'),
    VELOCITY_TEMPORAL_ADDRESS: plane.temporalAddress(),
  });
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  const place = {
    ...{ apiUrl: api.url ?? '', superuserUrl: plane.superuserUrl, operatorUrl },
    adminKey,
    organisation: uniqueName('acme'),
  };
  result = await runChanges(place, {
    ...{ records, ratePerS: 150, connections: 16, windows: 1, windowMs: 200 },
    ...{ changeWithinMs: 60_000, say: (line) => console.info(line) },
  });
}, changesWithinMs);

afterAll(async () => {
  api?.kill('SIGTERM');
  await plane?.stop();
});

describe('twenty changes of a table that serves', () => {
  it('all are made', () => {
    expect(result.changes.length).toBeGreaterThanOrEqual(20);
  });

  it('fail no request', () => {
    expect(result.failures).toEqual([]);
    expect(result.samples.length).toBeGreaterThan(result.changes.length * 50);
  });

  it('lose and change no value, in table, history or audit', () => {
    expect(result.problems).toEqual([]);
    expect(result.writes.length).toBeGreaterThan(1_000);
  });

  it('would be noticed if they did', async () => {
    const names = result.names;
    const client = await connect(plane.superuserUrl);
    try {
      const written = ({ outcome, operation }: LoggedWrite): boolean =>
        outcome === 'ok' && operation !== 'delete';
      const [one, ...others] = result.writes.filter(written);
      const refused = { ...(others.at(-1) as LoggedWrite), outcome: 'refused' as const };
      const never = { ...(one as LoggedWrite), title: 'traffic never', version: 900 };
      const found = await writeProblems(client, names, [...others.slice(0, -1), refused, never]);
      const all = found.join('\n');
      expect(all).toContain('v900 was acknowledged and is in history 0 times');
      expect(all).toContain(`"${refused.title}" was refused and is in history`);
      expect(all).toContain('is in history and nobody wrote it');
    } finally {
      await client.end();
    }
  });

  it('hold no lock against readers or writers for longer than half a second', () => {
    // A machine that does not even let the looks through for a while holds up everybody as long.
    const mostMs = 500 + result.coarsestLookMs;
    for (const { name, locks } of result.changes) {
      const held = longest(locks, true);
      const about = `${name}: ${held?.mode} on ${held?.relation} by ${held?.query}`;
      expect((held?.to ?? 0) - (held?.from ?? 0), about).toBeLessThan(mostMs);
    }
  });
});
