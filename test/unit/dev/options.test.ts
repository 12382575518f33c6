import { describe, expect, it } from 'vitest';
import { parseDevOptions } from '../../../src/process/dev/options.ts';

describe('arguments of velocity dev', () => {
  it('reads the folder and every option', () => {
    expect(
      parseDevOptions([
        'samples',
        ...['--port', '9000', '--json', '--fresh'],
        ...['--database-url', 'postgres://p@h/d', '--temporal-address', 'h:7233'],
      ]),
    ).toEqual({
      dir: 'samples',
      port: 9000,
      json: true,
      fresh: true,
      databaseUrl: 'postgres://p@h/d',
      temporalAddress: 'h:7233',
    });
  });

  it('needs none of them', () => {
    expect(parseDevOptions([])).toMatchObject({ dir: undefined, port: undefined, json: false });
  });
});
