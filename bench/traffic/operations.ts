import type { Answer } from '../load/connection.ts';
import { bare, withBody } from '../load/http-text.ts';
import type { KnownRecord, Ledger } from './ledger.ts';
import { statuses } from './ledger.ts';
import type { Kind, LoggedWrite, TrafficOptions } from './messages.ts';

/** A request, and what its answer means; `judge` answers what is wrong with it. */
export interface Prepared {
  readonly kind: Kind;
  readonly text: string;
  judge(answer: Answer): string | undefined;
  /** The connection was lost: the write may have happened. */
  lost(): void;
}

/** Shares of the traffic in percent: what an application with more readers than writers does. */
const shares: readonly (readonly [Kind, number])[] = [
  ['get', 44],
  ['list', 10],
  ['query', 4],
  ['create', 14],
  ['patch', 16],
  ['put', 4],
  ['delete', 3],
  ['bulk', 1],
  ['refused', 2],
  ['history', 2],
];
const bulkRows = 20;
const listLimit = 20;

export function pickKind(random: () => number): Kind {
  let left = random() * 100;
  for (const [kind, share] of shares) {
    left -= share;
    if (left < 0) return kind;
  }
  return 'get';
}

/** The next request of a kind; where no record is free for it, a create. */
export function prepare(
  kind: Kind,
  parts: {
    readonly options: TrafficOptions;
    readonly ledger: Ledger;
    readonly random: () => number;
  },
): Prepared {
  const { options, ledger, random } = parts;
  const { path, target } = options;
  const anyRecord = (): KnownRecord | undefined =>
    random() < 0.3 ? (ledger.takeSeed() ?? ledger.take()) : ledger.take();
  if (kind === 'list')
    return prepareList(bare('GET', `${path}?${listQuery(random)}`, target), kind);
  if (kind === 'query') {
    const body = JSON.stringify({
      where: { field: 'status', op: 'eq', value: 'open' },
      limit: listLimit,
    });
    return prepareList(withBody('POST', `${path}/query`, target, body), kind);
  }
  if (kind === 'bulk') return prepareBulk(parts);
  const record =
    kind === 'create'
      ? undefined
      : kind === 'put' || kind === 'delete'
        ? ledger.take()
        : anyRecord();
  if (record === undefined) return prepareCreate(parts);
  switch (kind) {
    case 'patch':
      return preparePatch(record, parts);
    case 'put':
      return preparePut(record, parts);
    case 'delete':
      return prepareDelete(record, parts);
    case 'refused':
      return prepareRefused(record, parts);
    default:
      return prepareGet(record, parts);
  }
}

type Parts = Parameters<typeof prepare>[1];

function prepareGet(record: KnownRecord, { options, ledger }: Parts): Prepared {
  return {
    kind: 'get',
    text: bare('GET', `${options.path}/${record.id}`, options.target),
    judge(answer) {
      ledger.giveBack(record);
      if (answer.status !== 200) return unexpected(answer);
      const { data } = bodyOf(answer) as { data: Record<string, unknown> };
      return differs(record, data);
    },
    lost: () => ledger.giveBack(record),
  };
}

function prepareList(text: string, kind: Kind): Prepared {
  return {
    kind,
    text,
    judge(answer) {
      if (answer.status !== 200) return unexpected(answer);
      const { data } = bodyOf(answer) as { data: { status: string }[] };
      const strange = data.find(({ status }) => status !== 'open');
      return strange && `a list of what is open has ${JSON.stringify(strange)}`;
    },
    lost: () => {},
  };
}

function listQuery(random: () => number): string {
  return encodeURI(`filter[status]=open&limit=${1 + Math.floor(random() * listLimit)}`);
}

/** Fields that every revision has; a quantity is a whole number, which is a decimal as well. */
function newValues({ ledger, random }: Parts) {
  return {
    title: ledger.newTitle(),
    status: statuses[random() < 0.5 ? 0 : 1],
    quantity: Math.floor(random() * 1_000_000),
  };
}

function prepareCreate(parts: Parts): Prepared {
  const { options, ledger } = parts;
  const values = newValues(parts);
  const log = (outcome: LoggedWrite['outcome'], id: string | null): void =>
    ledger.log({ operation: 'create', outcome, ...values, id, version: id === null ? null : 1 });
  return {
    kind: 'create',
    text: withBody('POST', options.path, options.target, JSON.stringify(values)),
    judge(answer) {
      if (answer.status !== 201) {
        log('refused', null);
        return unexpected(answer);
      }
      const { data } = bodyOf(answer) as { data: { id: string; version: number } };
      log('ok', data.id);
      const record = { id: data.id, version: 1, ...values, titles: [values.title], seed: false };
      ledger.giveBack(record);
      return differs(record, data);
    },
    lost: () => log('unknown', null),
  };
}

function prepareBulk(parts: Parts): Prepared {
  const { options, ledger } = parts;
  const rows = Array.from({ length: bulkRows }, () => newValues(parts));
  const body = JSON.stringify(rows.map((record) => ({ op: 'create', record })));
  const log = (outcome: LoggedWrite['outcome'], ids: readonly (string | null)[]): void => {
    for (const [n, values] of rows.entries()) {
      const id = ids[n] ?? null;
      ledger.log({ operation: 'create', outcome, ...values, id, version: id === null ? null : 1 });
    }
  };
  return {
    kind: 'bulk',
    text: withBody('POST', `${options.path}/bulk`, options.target, body),
    judge(answer) {
      if (answer.status !== 200) {
        log('refused', []);
        return unexpected(answer);
      }
      const { data } = bodyOf(answer) as { data: { id: string; status: number }[] };
      log(
        'ok',
        data.map(({ id }) => id),
      );
      for (const [n, values] of rows.entries()) {
        const id = data[n]?.id ?? '';
        ledger.giveBack({ id, version: 1, ...values, titles: [values.title], seed: false });
      }
      return data.every(({ status }) => status === 201) ? undefined : unexpected(answer);
    },
    lost: () => log('unknown', []),
  };
}

/** A write to a record that is there; only what was certainly answered changes what is known of it. */
function prepareUpdate(
  record: KnownRecord,
  { options, ledger }: Parts,
  what: {
    readonly kind: Kind;
    readonly method: string;
    readonly body: object;
    readonly values: Partial<KnownRecord> & { title: string };
  },
): Prepared {
  const next = { ...record, ...what.values, version: record.version + 1 };
  const log = (outcome: LoggedWrite['outcome']): void => {
    const { id, title, status, quantity, version } = next;
    ledger.log({ operation: 'update', outcome, title, status, quantity, id, version });
  };
  const text = withBody(
    ...([
      what.method,
      `${options.path}/${record.id}`,
      options.target,
      JSON.stringify(what.body),
    ] as const),
    `If-Match: "${record.version}"\r\n`,
  );
  return {
    kind: what.kind,
    text,
    judge(answer) {
      if (answer.status !== 200) {
        log('refused');
        return unexpected(answer);
      }
      log('ok');
      Object.assign(record, { ...next, titles: record.titles });
      record.titles.push(next.title);
      ledger.giveBack(record);
      return differs(record, (bodyOf(answer) as { data: Record<string, unknown> }).data);
    },
    // What it says now nobody knows: it is left alone from here on.
    lost: () => log('unknown'),
  };
}

function preparePatch(record: KnownRecord, parts: Parts): Prepared {
  const { title, status } = newValues(parts);
  const values = record.seed ? { title } : { title, status: status ?? 'open' };
  return prepareUpdate(record, parts, { kind: 'patch', method: 'PATCH', body: values, values });
}

function preparePut(record: KnownRecord, parts: Parts): Prepared {
  const values = newValues(parts);
  return prepareUpdate(record, parts, {
    ...{ kind: 'put', method: 'PUT', body: values },
    values: { ...values, status: values.status ?? 'open' },
  });
}

function prepareDelete(record: KnownRecord, { options, ledger }: Parts): Prepared {
  const log = (outcome: LoggedWrite['outcome']): void => {
    const { id, title, status, quantity, version } = record;
    ledger.log({ operation: 'delete', outcome, title, status, quantity, id, version: version + 1 });
  };
  return {
    kind: 'delete',
    text: bare(
      'DELETE',
      `${options.path}/${record.id}`,
      options.target,
      `If-Match: "${record.version}"\r\n`,
    ),
    judge(answer) {
      log(answer.status === 204 ? 'ok' : 'refused');
      return answer.status === 204 ? undefined : unexpected(answer);
    },
    lost: () => log('unknown'),
  };
}

/** A version that the record is not at: it must be refused, and leave no trace. */
function prepareRefused(record: KnownRecord, parts: Parts): Prepared {
  const { options, ledger } = parts;
  const title = ledger.newTitle();
  const { id, status, quantity, version } = record;
  return {
    kind: 'refused',
    text: withBody(
      ...(['PATCH', `${options.path}/${id}`, options.target, JSON.stringify({ title })] as const),
      `If-Match: "${version + 1_000}"\r\n`,
    ),
    judge(answer) {
      ledger.log({
        operation: 'update',
        outcome: 'refused',
        title,
        status,
        quantity,
        id,
        version: null,
      });
      ledger.giveBack(record);
      return answer.status === 412 ? undefined : unexpected(answer);
    },
    lost: () =>
      ledger.log({
        operation: 'update',
        outcome: 'unknown',
        title,
        status,
        quantity,
        id,
        version: null,
      }),
  };
}

/** What an answer says of a record other than what is known of it. */
function differs(record: KnownRecord, data: Record<string, unknown>): string | undefined {
  const { id, version } = record;
  if (data['id'] !== id || data['version'] !== version) {
    return `${id} is at version ${version} and was answered as ${JSON.stringify(data)}`;
  }
  const same =
    data['title'] === record.title &&
    data['status'] === record.status &&
    Number(data['quantity']) === record.quantity;
  return same
    ? undefined
    : `${id} is ${JSON.stringify(record)}, and was answered as ${JSON.stringify(data)}`;
}

function unexpected(answer: Answer): string {
  return `answered ${answer.status}: ${textOf(answer).slice(0, 600)}`;
}

function bodyOf(answer: Answer): unknown {
  return JSON.parse(textOf(answer));
}

function textOf(answer: Answer): string {
  const text = answer.text();
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}
