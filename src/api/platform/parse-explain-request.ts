import type { Operation } from '../../contract/kinds.ts';
import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';

export interface ExplainRequest {
  /** Absent: the caller. */
  readonly actor?: string;
  /** An ApiKey of the schema's namespace, whose limits count too. */
  readonly key?: string;
  /** What the actor's token would carry: it is the only place where those are known. */
  readonly roles?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly operation: Exclude<Operation, '*'>;
  readonly schema: string;
  readonly id?: string;
  readonly record?: Readonly<Record<string, unknown>>;
  readonly include?: readonly string[];
}

/** Every operation that a role can be granted. */
export const explainedOperations = [
  ...(['create', 'read', 'update', 'delete', 'restore', 'archive'] as const),
  ...(['unarchive', 'history', 'audit', 'search', 'export'] as const),
] satisfies readonly Exclude<Operation, '*'>[];

const members: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  self: (value) => (value === true ? undefined : 'is true, or left out'),
  actor: text,
  key: text,
  roles: texts,
  attributes: object,
  operation: (value) =>
    (explainedOperations as readonly unknown[]).includes(value)
      ? undefined
      : `is one of ${explainedOperations.join(', ')}`,
  schema: (value) =>
    typeof value === 'string' && value.split('/').length === 5
      ? undefined
      : 'is org/app/domain/object/version',
  id: text,
  record: object,
  include: texts,
};

/** Which members belong to somebody else than the caller. */
const aboutOthers = ['actor', 'key', 'roles', 'attributes'] as const;

export function parseExplainRequest(body: unknown): ExplainRequest {
  if (object(body) !== undefined) {
    throw validationError('The question is not well formed.', [
      { pointer: '', rule: 'type', message: 'must be an object', hint: '{operation, schema}' },
    ]);
  }
  const given = body as Record<string, unknown>;
  const problems: Problem[] = [];
  const refuse = (pointer: string, rule: string, message: string) =>
    void problems.push({ pointer, rule, message });
  for (const [name, value] of Object.entries(given)) {
    const misfit = Object.hasOwn(members, name) ? members[name] : undefined;
    if (misfit === undefined) refuse(`/${name}`, 'unknown', 'is not known here');
    else {
      const message = misfit(value);
      if (message !== undefined) refuse(`/${name}`, 'type', message);
    }
  }
  for (const name of ['operation', 'schema']) {
    if (given[name] === undefined) refuse(`/${name}`, 'required', 'is missing');
  }
  if (given['self'] !== undefined) {
    for (const name of aboutOthers) {
      if (given[name] !== undefined) refuse(`/${name}`, 'either', 'is not about oneself');
    }
  } else if (given['actor'] === undefined) {
    for (const name of ['roles', 'attributes']) {
      if (given[name] !== undefined) refuse(`/${name}`, 'either', 'needs an actor');
    }
  }
  const judged = ['create', 'update', 'read'].includes(String(given['operation']));
  if (given['record'] !== undefined && !judged) {
    refuse('/record', 'either', 'is for create, update and read');
  }
  if (given['operation'] === 'create' && given['id'] !== undefined) {
    refuse('/id', 'either', 'is of a record that exists');
  }
  if (problems.length > 0) throw validationError('The question is not well formed.', problems);
  return given as unknown as ExplainRequest;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? undefined : 'is a text';
}

function texts(value: unknown): string | undefined {
  const fits = Array.isArray(value) && value.every((one) => text(one) === undefined);
  return fits && value.length <= 100 ? undefined : 'is a list of at most 100 texts';
}

function object(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? undefined
    : 'is an object';
}
