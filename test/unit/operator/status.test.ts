import { describe, expect, it } from 'vitest';
import { nextStatus } from '../../../src/resources/status.ts';
import { condition, resourceOf } from './resources.ts';

const now = new Date('2026-06-01T12:00:00.000Z');
const earlier = '2026-01-01T00:00:00.000Z';
const ready = { type: 'Ready', reason: 'Provisioned', message: 'done' } as const;

describe('status', () => {
  it('keeps the time of a condition whose status stays, though its words change', () => {
    const resource = resourceOf('Domain', {
      status: { phase: 'Ready', conditions: [condition('Ready', 'True', 'Before')] },
    });
    const update = { phase: 'Ready', conditions: [{ ...ready, status: 'True' }] } as const;
    expect(nextStatus(resource, update, now)).toMatchObject({
      observedGeneration: 2,
      conditions: [{ reason: 'Provisioned', lastTransitionTime: earlier, observedGeneration: 2 }],
    });
  });

  it('moves the time when the status of the condition changes', () => {
    const resource = resourceOf('Domain', {
      status: { phase: 'Ready', conditions: [condition('Ready', 'True', 'Before')] },
    });
    const update = { phase: 'Failed', conditions: [{ ...ready, status: 'False' }] } as const;
    expect(nextStatus(resource, update, now)['conditions']).toMatchObject([
      { status: 'False', lastTransitionTime: now.toISOString() },
    ]);
  });

  it('keeps other conditions and fields, and removes what is withdrawn or undefined', () => {
    const resource = resourceOf('SchemaDefinition', {
      status: {
        activeRevision: 3,
        plan: { hash: 'x' },
        conditions: [
          condition('Deletion', 'False', 'HoldsRecords'),
          condition('Other', 'True', 'X'),
        ],
      },
    });
    const update = {
      phase: 'Ready',
      conditions: [{ ...ready, status: 'True' }],
      withdrawn: ['Deletion'],
      fields: { plan: undefined },
    } as const;
    const status = nextStatus(resource, update, now);
    expect(status['activeRevision']).toBe(3);
    expect(status).not.toHaveProperty('plan');
    expect((status['conditions'] as { type: string }[]).map(({ type }) => type)).toEqual([
      'Other',
      'Ready',
    ]);
  });
});
