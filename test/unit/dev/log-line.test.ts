import { describe, expect, it } from 'vitest';
import { summariseLogLine } from '../../../src/process/dev/log-line.ts';

describe('log lines of the children of velocity dev', () => {
  it('shows warnings and errors in one line, with their cause', () => {
    const line = JSON.stringify({ level: 50, msg: 'refused\n  it', err: { message: 'no table' } });
    expect(summariseLogLine(line)).toBe('ERROR refused it: no table');
    expect(summariseLogLine('{"level":40,"msg":"slow"}')).toBe('WARN slow');
  });

  it('keeps what is below a warning, or no log line at all, in the file', () => {
    expect(summariseLogLine('{"level":30,"msg":"GET /"}')).toBeUndefined();
    expect(summariseLogLine('{"level":50')).toBeUndefined();
    expect(summariseLogLine('(node:1) ExperimentalWarning')).toBeUndefined();
  });

  it('shows why a process could not start', () => {
    expect(summariseLogLine('velocity: no database')).toBe('velocity: no database');
  });
});
