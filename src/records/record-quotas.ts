import { VelocityError } from '../errors.ts';
import type { RegistrySnapshot } from '../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { Pool } from '../store/pool.ts';
import type { Figure } from './measured-figure.ts';
import { measureFigure } from './measured-figure.ts';
import { countRecords } from './sql/count-records.ts';
import { storageBytes } from './sql/storage-bytes.ts';

export interface RecordQuotas {
  /**
   * Undefined where so many more records may be written; else why not. Nothing is waited for but the
   * first figure, and the one that might say that there is room after all.
   */
  refusalOf(
    snapshot: RegistrySnapshot,
    schema: CompiledSchema,
    creates: number,
  ): VelocityError | undefined | Promise<VelocityError | undefined>;
}

export interface RecordQuotasOptions {
  readonly pool: Pool;
  readonly now: () => number;
  readonly onError: (cause: unknown) => void;
}

const bytesPerGb = 1_000_000_000;
/** Figures kept; with more schemas under quotas than this they are measured anew. */
const figuresMax = 10_000;

interface Bound {
  readonly figure: Figure;
  readonly added: number;
  readonly max: number;
  readonly refusal: () => VelocityError;
}

/**
 * Holds creates to maxRecordsPerSchema and every growing write to maxStorageGb. Each replica adds what
 * it creates to what it has last counted, so that together they overshoot by no more than the others
 * create between two counts: a second when there is little room left, at most a minute otherwise.
 */
export function openRecordQuotas({ pool, now, onError }: RecordQuotasOptions): RecordQuotas {
  const figures = new Map<string, Figure>();

  function figureOf(key: string, measure: () => Promise<number>): Figure {
    let figure = figures.get(key);
    if (figure === undefined) {
      if (figures.size >= figuresMax) figures.clear();
      figure = measureFigure({ measure, now, onError });
      figures.set(key, figure);
    }
    return figure;
  }

  function* boundsOf(
    snapshot: RegistrySnapshot,
    schema: CompiledSchema,
    creates: number,
  ): Generator<Bound> {
    const { organisation, application, pgNamespace, pgTable } = schema;
    const owners = [
      { owner: `organisation "${organisation}"`, key: organisation, isOrganisation: true },
      {
        ...{ owner: `application "${application}"`, key: `${organisation}/${application}` },
        isOrganisation: false,
      },
    ];
    for (const { owner, key, isOrganisation } of owners) {
      const { maxStorageGb, maxRecordsPerSchema: max } = snapshot.quotas.get(key) ?? {};
      if (max !== undefined && creates > 0) {
        const count = () => countRecords(pool, { pgNamespace, pgTable, max: max + 1 });
        const figure = figureOf(`${pgNamespace}.${pgTable} ${max}`, count);
        yield { figure, added: creates, max, refusal: () => recordsUsedUp(schema, owner, max) };
      }
      if (maxStorageGb !== undefined) {
        const namespaces = [...snapshot.domains.values()]
          .filter((domain) => domain.organisation === organisation)
          .filter((domain) => isOrganisation || domain.application === application)
          .map((domain) => domain.pgNamespace);
        yield {
          figure: figureOf(namespaces.join(' '), () => storageBytes(pool, namespaces)),
          ...{ added: 0, max: maxStorageGb * bytesPerGb - 1 },
          refusal: () => storageUsedUp(owner, maxStorageGb),
        };
      }
    }
  }

  return {
    refusalOf: (snapshot, schema, creates) =>
      // Without a quota anywhere there is nothing to look up.
      snapshot.quotas.size === 0 ? undefined : firstRefusal(boundsOf(snapshot, schema, creates)),
  };
}

/** Asks one after the other, without a turn of the event loop where nothing has to be waited for. */
function firstRefusal(
  bounds: Iterator<Bound>,
): VelocityError | undefined | Promise<VelocityError | undefined> {
  for (let next = bounds.next(); next.done !== true; next = bounds.next()) {
    const { figure, added, max, refusal } = next.value;
    const hasRoom = figure.hasRoom(added, max);
    if (hasRoom instanceof Promise) {
      return hasRoom.then((late) => (late ? firstRefusal(bounds) : refusal()));
    }
    if (!hasRoom) return refusal();
  }
  return undefined;
}

function recordsUsedUp({ path }: CompiledSchema, owner: string, max: number): VelocityError {
  return new VelocityError(
    'QUOTA_EXCEEDED',
    `${path} would have more than ${max} records, which is the quota of ${owner}.`,
    {
      details: { quota: 'maxRecordsPerSchema', max },
      hint: 'Delete records, or have maxRecordsPerSchema raised.',
    },
  );
}

function storageUsedUp(owner: string, max: number): VelocityError {
  return new VelocityError('QUOTA_EXCEEDED', `The ${max} GB of ${owner} are used up.`, {
    details: { quota: 'maxStorageGb', max },
    hint: 'Purge what is no longer needed, or have maxStorageGb raised.',
  });
}
