import { shapeHash } from '../../query/compiled-statement.ts';
import type { CompiledSchema } from '../../schema/compile.ts';
import { quoteQualified } from '../../schema/identifier.ts';
import type { Statement } from '../../store/statement.ts';

export interface VersionRow {
  readonly revision: number;
  /** RFC 3339 with microseconds; also where a page goes on. */
  readonly occurredAt: string;
  /** The whole version as JSON text. */
  readonly data: string;
}

export interface VersionPage {
  readonly id: string;
  readonly limit: number;
  /** Only versions that were written before this time. */
  readonly before: string | null;
}

/** A record's versions, newest first: one range of the index over (id, time). */
export function readVersions(
  schema: CompiledSchema,
  { record, lost }: { readonly record: string; readonly lost: string },
  { id, limit, before }: VersionPage,
): Statement {
  const text = `
    select h."_revision" as revision, to_json(h."_occurred_at") #>> '{}' as "occurredAt",
           json_build_object(
             'version', h.version, 'operation', h."_operation", 'occurredAt', h."_occurred_at",
             'actor', h."_actor", 'actorType', h."_actor_type", 'requestId', h."_request_id",
             'revision', h."_revision", 'lost', ${lost}, 'record', ${record})::text as data
      from ${quoteQualified(schema.pgNamespace, schema.historyTable)} h
     where h.id = $1::uuid and ($2::timestamptz is null or h."_occurred_at" < $2::timestamptz)
     order by h."_occurred_at" desc
     limit $3::integer`;
  const name = `history.${shapeHash(`${schema.statementPrefix}\n${text}`)}`;
  return { name, text, values: [id, before, limit] };
}

/** The revisions that a page's versions were written under. */
export function readRevisionsOf(
  schema: CompiledSchema,
  { id, limit, before }: VersionPage,
): Statement {
  const text = `
    select distinct page.revision from (
      select h."_revision" as revision
        from ${quoteQualified(schema.pgNamespace, schema.historyTable)} h
       where h.id = $1::uuid and ($2::timestamptz is null or h."_occurred_at" < $2::timestamptz)
       order by h."_occurred_at" desc
       limit $3::integer) page
     order by page.revision`;
  const name = `history-revisions.${shapeHash(`${schema.statementPrefix}\n${text}`)}`;
  return { name, text, values: [id, before, limit] };
}
