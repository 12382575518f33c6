import { describe, expect, it } from 'vitest';
import { exitCodeOfStatus } from '../../../src/cli/exit-codes.ts';
import { errorCodes } from '../../../src/errors.ts';
import { airportPath, airportRoutes, problem, startLocalApi } from './local-api.ts';
import { commandNames, runVelocity } from './run-velocity.ts';

describe('exit codes', () => {
  it('follow the status of the answer', () => {
    const codes = Object.fromEntries(
      [400, 401, 403, 404, 409, 412, 428, 429, 500, 503].map((status) => [
        status,
        exitCodeOfStatus(status),
      ]),
    );
    expect(codes).toEqual({
      400: 1,
      401: 4,
      403: 4,
      404: 3,
      409: 5,
      412: 5,
      428: 5,
      429: 6,
      500: 1,
      503: 6,
    });
  });

  it('give every error code of the API one that is not success', () => {
    for (const [status] of Object.values(errorCodes)) {
      expect(exitCodeOfStatus(status)).toBeGreaterThan(0);
    }
  });

  it('are 2 for wrong usage, with a way to the help', async () => {
    const ran = await runVelocity(['query']);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/missing required argument[\s\S]*velocity query --help/);
    expect(await runVelocity(['qury'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('Did you mean query?'),
    });
  });

  it('are 0 for help and for nothing at all', async () => {
    expect(await runVelocity([])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Exit codes:'),
    });
    expect(await runVelocity(['load', '--help'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('$ velocity load airport'),
    });
  });
});

describe('refusals', () => {
  it('are one block: code, detail, each problem, hint and request', async () => {
    const details = {
      problems: [
        { pointer: '/iata', rule: 'required', message: 'is required' },
        {
          pointer: '/gates',
          rule: 'type',
          message: 'must be a whole number',
          hint: 'for example 3',
        },
      ],
      allowed: ['iata', 'name'],
    };
    const api = await startLocalApi({
      ...airportRoutes,
      [`POST /api/${airportPath}`]: () =>
        problem(400, 'VALIDATION_ERROR', 'The record is not valid.', {
          details,
          hint: 'See docs.',
        }),
    });
    const argv = ['record', 'create', 'airport', 'gates=x', '--url', api.url];
    expect(await runVelocity(argv)).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: [
        'error: VALIDATION_ERROR: The record is not valid. (400)',
        '  /iata: is required',
        '  /gates: must be a whole number',
        '    hint: for example 3',
        '  allowed: iata, name',
        '  hint: See docs.',
        '  request: req-1',
        '',
      ].join('\n'),
    });
  });

  it('of a connection say which address and how to start one', async () => {
    const ran = await runVelocity(['status', '--url', 'http://127.0.0.1:1']);
    expect(ran.exitCode).toBe(6);
    expect(ran.stderr).toMatch(/http:\/\/127\.0\.0\.1:1 \(connection refused\)/);
    expect(ran.stderr).toMatch(/make dev[\s\S]*velocity dev/);
  });

  it('of something else that listens there do not pretend to be ours', async () => {
    const api = await startLocalApi({
      'GET /api': () => ({ headers: { 'content-type': 'text/html' }, body: '<html>' }),
    });
    const ran = await runVelocity(['query', 'airport', '--url', api.url]);
    expect(ran).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('does not answer like a Velocity API'),
    });
  });
});

describe('help', () => {
  it('lists every process and command of this release', () => {
    expect(commandNames()).toEqual(
      expect.arrayContaining([
        ...['dev', 'api', 'worker', 'operator', 'migrate', 'apply', 'get', 'describe', 'delete'],
        ...['schema validate', 'query', 'record create', 'record get', 'record update'],
        ...['record delete', 'load', 'api-key create', 'api-key list', 'api-key revoke', 'grant'],
        ...['revoke', 'context list', 'context use', 'context set', 'context show', 'status'],
        ...['auth revoke', 'auth restore', 'auth revocations', 'version', 'completion'],
        ...['whoami', 'role list', 'api-key rotate'],
      ]),
    );
  });

  it.each(commandNames())('of %s has an example', async (name) => {
    const { exitCode, stdout } = await runVelocity([...name.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\nExamples?:\n {2}\$ /);
    expect(stdout).toContain(`velocity ${name}`);
  });
});
