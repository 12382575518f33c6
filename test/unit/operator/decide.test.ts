import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/operator/decide.ts';
import { condition, resourceOf } from './resources.ts';

const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const ready = { phase: 'Ready', observedGeneration: 2 };
const obstacle = { reason: 'ParentMissing', message: 'the Domain does not exist' } as const;
const start = { do: 'start', workflow: 'reconcileSchema' };
const settled = { do: 'nothing', settled: true };

function decideOn(
  over: Parameters<typeof resourceOf>[1],
  seen: { obstacle?: typeof obstacle; due?: boolean; started?: boolean } = {},
) {
  return decide({
    resource: resourceOf('SchemaDefinition', over),
    obstacle: seen.obstacle,
    due: seen.due ?? false,
    started: seen.started ?? false,
  });
}

describe('decide', () => {
  it('starts the workflow of a new resource', () => {
    expect(decideOn({})).toEqual(start);
  });

  it('leaves a resource alone that is ready for its spec', () => {
    expect(decideOn({ status: ready })).toEqual(settled);
  });

  it('starts again when the spec has changed since it was ready', () => {
    expect(decideOn({ status: { ...ready, observedGeneration: 1 } })).toEqual(start);
  });

  it('does not tell a workflow what it has just written itself', () => {
    const underWay = { status: { phase: 'Provisioning', observedGeneration: 2 } };
    expect(decideOn({}, { started: true })).toEqual({ do: 'tryLater' });
    expect(decideOn(underWay, { started: true })).toEqual({ do: 'tryLater' });
    expect(decideOn(underWay, { started: true, due: true })).toEqual(start);
    expect(decideOn(underWay)).toEqual(start);
  });

  it('waits for what is missing and names it', () => {
    expect(decideOn({}, { obstacle })).toEqual({ do: 'wait', obstacle });
  });

  it('does not take a ready resource back because something it refers to is gone', () => {
    expect(decideOn({ status: ready }, { obstacle })).toEqual(settled);
  });

  it('drops a version that somebody wants gone, and asks again later where it stays', () => {
    const served = [
      { version: 'v1', revision: 1, state: 'superseded' },
      { version: 'v2', revision: 2, state: 'serving' },
    ];
    const metadata = { annotations: { 'velocity.sh/drop-version': 'v1' } };
    const status = { ...ready, versions: served };
    expect(decideOn({ metadata, status })).toEqual(start);
    expect(decideOn({ status })).toEqual(settled);
    expect(decideOn({ metadata, status: { ...ready, versions: served.slice(1) } })).toEqual(
      settled,
    );
    const refusal = { ...condition('VersionDropped', 'False', 'Referenced'), message: 'v1 stays' };
    const refused = { metadata, status: { ...status, conditions: [refusal] } };
    expect(decideOn(refused)).toEqual({ do: 'tryLater' });
    expect(decideOn(refused, { due: true })).toEqual(start);
    const ofAnother = { ...refusal, message: 'v10 stays while records are moving' };
    expect(decideOn({ metadata, status: { ...status, conditions: [ofAnother] } })).toEqual(start);
  });

  it('accepts kinds that have nothing to provision', () => {
    const resource = resourceOf('SynonymSet');
    expect(decide({ resource, obstacle: undefined, due: false, started: false })).toEqual({
      do: 'accept',
    });
  });

  it('starts a deletion whatever else there is to say', () => {
    expect(decideOn({ metadata: deleted, status: ready }, { obstacle })).toEqual(start);
  });

  it('leaves a deletion to others when the finalizer is not there', () => {
    expect(decideOn({ metadata: { ...deleted, finalizers: ['other'] } })).toEqual(settled);
  });

  describe('a refused deletion', () => {
    const conditions = [condition('Deletion', 'False', 'HoldsRecords')];
    const refused = { metadata: deleted, status: { ...ready, conditions } };

    it('is not asked again by its own status', () => {
      expect(decideOn(refused)).toEqual({ do: 'tryLater' });
    });

    it('is asked again when its time has come', () => {
      expect(decideOn(refused, { due: true })).toEqual(start);
    });

    it('is asked again at once when it is confirmed by the name of the schema', () => {
      const confirm = (value: string) => ({
        ...refused,
        metadata: { ...deleted, annotations: { 'velocity.sh/confirm-delete': value } },
      });
      expect(decideOn(confirm('thing'))).toEqual(start);
      expect(decideOn(confirm('other'))).toEqual({ do: 'tryLater' });
    });
  });

  describe('a failure', () => {
    const failed = (reason: string, observedGeneration = 2) => ({
      status: {
        phase: 'Failed',
        observedGeneration,
        conditions: [condition('Ready', 'False', reason)],
      },
    });

    it('is tried again after a while, not by its own status', () => {
      expect(decideOn(failed('ReconcileFailed'))).toEqual({ do: 'tryLater' });
      expect(decideOn(failed('ReconcileFailed'), { due: true })).toEqual(start);
    });

    it('that the same spec meets again waits for another spec', () => {
      expect(decideOn(failed('MigrationNotSupported'), { due: true })).toEqual(settled);
    });

    it('of an older spec says nothing about this one', () => {
      expect(decideOn(failed('MigrationNotSupported', 1))).toEqual(start);
    });
  });
});
