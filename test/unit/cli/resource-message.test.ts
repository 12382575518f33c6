import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../src/cli/resources-api.ts';

const metadata = { namespace: 'a-b-c', name: 'order', generation: 2 };
const refused = (type: string, reason: string) => ({
  ...{ type, status: 'False' as const, reason, message: `${reason} happened` },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('the message of a resource', () => {
  it('is that of Ready, though an older refusal stands before it', () => {
    const conditions = [
      refused('Migrated', 'AwaitingApproval'),
      refused('Ready', 'DataDoesNotFit'),
    ];
    const resource = { kind: 'SchemaDefinition', metadata, spec: {} } as const;
    const status = { phase: 'Failed', observedGeneration: 2, conditions };
    expect(messageOf({ ...resource, status } as never)).toBe(
      'DataDoesNotFit: DataDoesNotFit happened',
    );
  });
});
