import type { RowFilterRule } from '../auth/access.ts';
import { rowFilterRules } from '../auth/access.ts';
import type { Explained } from '../auth/explain-rules.ts';
import { rowFilterReason } from '../auth/explain-rules.ts';
import type { RuleReason, Verdict } from '../contract/explanation.ts';
import type { ErrorCode } from '../errors.ts';
import { VelocityError } from '../errors.ts';
import type { Condition } from '../query/condition.ts';
import { getRecord } from './get-record.ts';
import type { RecordValues } from './record-input.ts';
import type { RequestContext } from './request-context.ts';
import { sessionOf } from './request-context.ts';
import type { CheckedRow } from './sql/check-row.ts';
import { checkRow, findRowPolicy, testRecord } from './sql/check-row.ts';

/** Two callers of one question: whose rights are explained, and who wants to know. */
export interface Parties {
  readonly actor: RequestContext;
  readonly asker: RequestContext;
}

interface RowLayer {
  readonly verdict: Verdict;
  readonly message?: string;
}

/** What layers 4 and 7 say of one row. */
export interface RowVerdict {
  readonly rowFilter: RowLayer;
  readonly filters: readonly RuleReason[];
  readonly rls: RowLayer;
  /** What the endpoint answers where one of them denies. */
  readonly code?: ErrorCode;
  /** The record as the asker sees it. */
  readonly seen?: RecordValues;
}

const everything: Condition = { and: [] };

/**
 * Whether a record is within the actor's reach. The actor's own session says yes or no; why not, only
 * the asker's session can tell, and only of a record that the asker sees.
 */
export async function explainRecord(
  { actor, asker }: Parties,
  explained: Explained,
  at: { readonly id: string; readonly deleted: boolean },
): Promise<RowVerdict> {
  const { schema, access, sight } = explained;
  const rowFilter = access.rowFilter ?? everything;
  const rules = rowFilterRules(schema, access.grants) ?? [];
  const [found] = await actor.deps.pipeline.transact(sessionOf(actor, schema, access), [
    testRecord(schema, at, [rowFilter]),
  ]);
  const shown = passedIn(found?.rows);
  const seen = await seeAsAsker(asker, explained, at.id, [
    rowFilter,
    ...rules.map(({ condition }) => condition),
  ]);
  const filters = rules.map((rule, place) =>
    rowFilterReason(
      explained,
      rule,
      seen && {
        passed: seen.passed[place + 1] === true,
        value: seen.values[fieldOf(explained, rule)] ?? null,
      },
    ),
  );
  const { seesAll } = sight;
  return {
    filters,
    ...judgeReach({ shown, seen: seen?.passed, seesAll, access: explained.access }),
    ...(seen !== undefined && { seen: seen.values }),
  };
}

/** `shown`: undefined where Postgres shows the actor no such row. */
function judgeReach({
  shown,
  seen,
  seesAll,
  access,
}: {
  readonly shown: readonly boolean[] | undefined;
  readonly seen: readonly boolean[] | undefined;
  readonly seesAll: boolean;
  readonly access: Explained['access'];
}): Omit<RowVerdict, 'filters'> {
  const passes = (shown ?? seen)?.[0] === true;
  if (shown !== undefined) {
    const rls: RowLayer = { verdict: 'allow', message: 'Postgres shows the actor this row.' };
    if (passes) return { rowFilter: { verdict: 'allow' }, rls };
    return { rowFilter: { verdict: 'deny' }, rls, code: 'ENTITY_NOT_FOUND' };
  }
  const code = 'ENTITY_NOT_FOUND';
  if (seen !== undefined) {
    const drift = passes ? ' Its policy differs from the schema: see `velocity drift`.' : '';
    const message = `Postgres does not show the actor this row.${drift}`;
    return {
      rowFilter: { verdict: passes ? 'allow' : 'deny' },
      rls: { verdict: 'deny', message },
      code,
    };
  }
  if (seesAll) {
    const none: RowLayer = { verdict: 'skipped', message: 'There is no such live record.' };
    return { rowFilter: none, rls: none, code };
  }
  const verdict = access.rowFilter === undefined ? 'skipped' : 'deny';
  const message = 'There is no such record, or it is out of reach; you cannot see which.';
  return { rowFilter: { verdict, message }, rls: { verdict: 'deny', message }, code };
}

/**
 * The record in the asker's own eyes, held against conditions that need not be the asker's. Whether it
 * is seen at all the asker's own get decides, with every layer of it.
 */
async function seeAsAsker(
  asker: RequestContext,
  { schema, sight }: Explained,
  id: string,
  conditions: readonly Condition[],
): Promise<{ passed: readonly boolean[]; values: RecordValues } | undefined> {
  if (sight.access === undefined) return undefined;
  const found = await getRecord(asker, schema, id).catch((error: unknown) => {
    if (error instanceof VelocityError && error.status < 500) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  const [tested] = await asker.deps.pipeline.transact(sessionOf(asker, schema, sight.access), [
    testRecord(schema, { id, deleted: false }, conditions),
  ]);
  const passed = passedIn(tested?.rows);
  return passed && { passed, values: JSON.parse(found.data) as RecordValues };
}

function passedIn(
  rows: readonly Readonly<Record<string, unknown>>[] | undefined,
): readonly boolean[] | undefined {
  return rows?.[0]?.['passed'] as readonly boolean[] | undefined;
}

function fieldOf({ schema }: Explained, { index }: RowFilterRule): string {
  return schema.spec.access.rowFilter?.[index]?.filter.field ?? '';
}

/**
 * Whether the actor could write, or would see, a row with these values: nothing is written. The policy
 * is the one that the table has now, and the actor's session evaluates it. Undefined where `id` names a
 * record out of the actor's sight.
 */
export async function explainRow(
  { actor }: Parties,
  explained: Explained,
  row: { readonly values: RecordValues; readonly id: string | undefined; readonly writes: boolean },
): Promise<RowVerdict | undefined> {
  const { schema, access } = explained;
  const session = sessionOf(actor, schema, access);
  const rules = rowFilterRules(schema, access.grants) ?? [];
  const [policy] = await actor.deps.pipeline.transact(session, [findRowPolicy(schema)]);
  const { condition, forced } = (policy?.rows[0] ?? {}) as { condition?: string; forced?: boolean };
  const conditions = [access.rowFilter ?? everything, ...rules.map((rule) => rule.condition)];
  const check = checkRow(schema, {
    ...{ values: row.values, id: row.id, conditions },
    // Without a policy forced row-level security lets nothing through, and unforced everything.
    policy: condition ?? String(forced === false),
  });
  const [checked] = await actor.deps.pipeline.transact(session, [check]);
  const found = checked?.rows[0] as CheckedRow | undefined;
  if (found === undefined) return undefined;
  const filters = rules.map((rule, place) => {
    const field = fieldOf(explained, rule);
    const value = row.values[field] ?? (row.id === undefined ? null : undefined);
    const passed = found.passed[place + 1] === true;
    return rowFilterReason(explained, rule, { passed, ...(value !== undefined && { value }) });
  });
  const passes = found.passed[0] === true;
  const denied = row.writes ? !found.policy : !(found.policy && passes);
  return {
    filters,
    rowFilter: { verdict: passes ? 'allow' : 'deny' },
    rls: {
      verdict: found.policy ? 'allow' : 'deny',
      message: `The policy of the table ${found.policy ? 'lets' : 'does not let'} such a row through.`,
    },
    ...(denied && { code: row.writes ? 'RLS_POLICY_DENIED' : 'ENTITY_NOT_FOUND' }),
  };
}
