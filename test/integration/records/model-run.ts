import type { LightMyRequestResponse } from 'fastify';
import type pg from 'pg';
import { expect } from 'vitest';
import type { Caller } from './call.ts';
import type { Belief, Command, Fields, Row, Target } from './model-commands.ts';
import type { BulkRow, ModelRecord, Values } from './record-model.ts';
import { RecordModel } from './record-model.ts';

export interface ModelRunOptions {
  readonly send: Caller;
  /** Logs in as velocity_operator. */
  readonly operator: pg.Client;
  readonly table: string;
  readonly path: string;
  /** Keeps the records and unique values of one run apart from those of the others. */
  readonly number: number;
}

const neverThere = '01990000-0000-7000-8000-00000000dead';

/** One series of commands, sent to the API and to the model; each answer must be the model's. */
export class ModelRun {
  readonly number: number;
  readonly #options: ModelRunOptions;
  readonly #model = new RecordModel();
  readonly #refused: string[] = [];
  #writes = 0;

  constructor(options: ModelRunOptions) {
    this.#options = options;
    this.number = options.number;
  }

  async execute(command: Command): Promise<void> {
    switch (command.do) {
      case 'create':
        return this.#create(command.fields, command.twice);
      case 'patch':
        return this.#patch(command.target, command.belief, command.fields);
      case 'put':
        return this.#put(command.target, command.belief, command.fields);
      case 'delete':
        return this.#delete(command.target, command.belief);
      case 'bulk':
        return this.#bulk(command.rows, command.atomic);
      case 'race':
        return this.#race(command.target, command.callers);
      case 'rush':
        return this.#rush(command.code, command.callers);
      case 'psql':
        return this.#psql(command.target, command.quantity);
    }
  }

  expectedRows(): object[] {
    return [...this.#model.records.values()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, version, deleted, values }) => ({
        ...{ id, version, deleted, ...values, versions: version },
      }));
  }

  refused(): string[] {
    return [...this.#refused, ...this.#model.refused];
  }

  async #create(fields: Fields, twice: boolean): Promise<void> {
    const values = this.#values(fields);
    const headers = twice ? { 'idempotency-key': values.title } : {};
    const send = () =>
      this.#options.send('POST', this.#options.path, { headers, body: this.#body(values) });
    const answer = await send();
    this.#agree(answer, this.#model.create(idOf(answer), values), values);
    if (!twice || answer.statusCode !== 201) return;
    const again = await send();
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json().data).toEqual(answer.json().data);
  }

  async #patch(target: Target, belief: Belief, fields: Fields): Promise<void> {
    const record = this.#find(target);
    const id = record?.id ?? neverThere;
    const values = this.#values(fields);
    const version = believed(record, belief);
    const answer = await this.#options.send('PATCH', this.#url(id), {
      body: { ...values, ...(version !== undefined && { version }) },
    });
    if (version === undefined) {
      expect(answer.statusCode).toBe(428);
      this.#refused.push(values.title);
      return;
    }
    this.#agree(answer, this.#model.patch(id, version, values), values);
  }

  async #put(target: Target, belief: Belief, fields: Fields): Promise<void> {
    const record = this.#find(target);
    // A put under an id that never was makes the record: the id must then be this run's own.
    const id = record?.id ?? `01990000-0000-7000-8000-${this.#unique()}`;
    const values = this.#values(fields);
    const version = record === undefined ? undefined : believed(record, belief);
    const answer = await this.#options.send('PUT', this.#url(id), {
      body: { ...this.#body(values), ...(version !== undefined && { version }) },
    });
    this.#agree(answer, this.#model.put(id, version, values), values);
  }

  async #delete(target: Target, belief: Belief): Promise<void> {
    const record = this.#find(target);
    const id = record?.id ?? neverThere;
    const version = believed(record, belief);
    const headers = version === undefined ? {} : { 'if-match': `"${version}"` };
    const answer = await this.#options.send('DELETE', this.#url(id), { headers });
    expect(answer.statusCode, answer.body).toBe(this.#model.delete(id, version));
  }

  async #bulk(rows: readonly Row[], atomic: boolean): Promise<void> {
    const seen = new Set<string>();
    const bulk: BulkRow[] = [];
    for (const row of rows) {
      const values = this.#values(row.fields);
      if (row.op === 'create') {
        bulk.push({ op: 'create', values });
        continue;
      }
      const record = this.#find(row.target);
      const id = record?.id ?? neverThere;
      // A bulk changes each record once.
      if (seen.has(id)) continue;
      seen.add(id);
      const version = believed(record, row.belief);
      bulk.push(
        row.op === 'update' ? { op: 'update', id, version, values } : { op: 'delete', id, version },
      );
    }
    const { send, path } = this.#options;
    const answer = await send('POST', `${path}/bulk?atomic=${atomic}`, {
      body: bulk.map((row) => this.#bulkBody(row)),
    });
    if (!atomic) return this.#agreeRows(answer, bulk);
    const trial = this.#model.copy();
    const statuses = trial.bulk(
      bulk,
      bulk.map((_, index) => `trial-${index}`),
    );
    const fine = statuses.every((status) => status < 300);
    expect(answer.statusCode < 300, `${statuses}: ${answer.body}`).toBe(fine);
    if (fine) return this.#agreeRows(answer, bulk);
    for (const row of bulk) if (row.op !== 'delete') this.#refused.push(row.values.title);
  }

  async #race(target: Target, callers: number): Promise<void> {
    const record = this.#find(target);
    if (record === undefined) return;
    const { id, version } = record;
    const attempts = Array.from({ length: callers }, () => this.#values({ quantity: 1 }));
    const answers = await Promise.all(
      attempts.map((values) =>
        this.#options.send('PATCH', this.#url(id), { body: { ...values, version } }),
      ),
    );
    if (record.deleted) {
      expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 404));
      this.#refused.push(...attempts.map(({ title }) => title));
      return;
    }
    const won = answers.findIndex(({ statusCode }) => statusCode === 200);
    for (const [index, values] of attempts.entries()) {
      if (index === won) continue;
      expect(answers[index]?.statusCode, answers[index]?.body).toBe(409);
      this.#refused.push(values.title);
    }
    const winner = attempts[won];
    expect(winner).toBeDefined();
    if (winner !== undefined) expect(this.#model.patch(id, version, winner)).toBe(200);
  }

  async #rush(code: string, callers: number): Promise<void> {
    const attempts = Array.from({ length: callers }, () => this.#values({ code }));
    const answers = await Promise.all(
      attempts.map((values) =>
        this.#options.send('POST', this.#options.path, { body: this.#body(values) }),
      ),
    );
    const order = [...answers.keys()].sort(
      (a, b) => (answers[a]?.statusCode ?? 0) - (answers[b]?.statusCode ?? 0),
    );
    for (const index of order) {
      const [answer, values] = [answers[index], attempts[index]];
      if (answer === undefined || values === undefined) continue;
      this.#agree(answer, this.#model.create(idOf(answer), values), values);
    }
  }

  async #psql(target: Target, quantity: number): Promise<void> {
    const record = this.#find(target);
    if (record === undefined) return;
    const { operator, table } = this.#options;
    await operator.query(`update ${table} set quantity = $2 where id = $1`, [record.id, quantity]);
    record.version++;
    record.values = { ...record.values, quantity };
  }

  #agree(answer: LightMyRequestResponse, status: number, values: Values): void {
    expect(answer.statusCode, `${JSON.stringify(values)}: ${answer.body}`).toBe(status);
    if (status >= 300) return;
    const { id, version } = answer.json().data;
    const record = this.#model.records.get(id);
    expect(answer.json().data).toMatchObject({ ...record?.values, version });
    expect(version).toBe(record?.version);
  }

  #agreeRows(answer: LightMyRequestResponse, rows: readonly BulkRow[]): void {
    expect(answer.statusCode, answer.body).toBe(200);
    const results = answer.json().data as { status: number; id?: string }[];
    const ids = results.map(({ id }, index) => id ?? `refused-${index}`);
    const statuses = this.#model.bulk(rows, ids);
    expect(
      results.map(({ status }) => status),
      `${JSON.stringify(rows)}: ${answer.body}`,
    ).toEqual(statuses);
  }

  #bulkBody(row: BulkRow): object {
    if (row.op === 'create') return { op: 'create', record: this.#body(row.values) };
    const { op, id, version } = row;
    const at = { op, id, ...(version !== undefined && { version }) };
    return row.op === 'update' ? { ...at, record: row.values } : at;
  }

  /** The run's number is the record's own from its first version on. */
  #body(values: Values): object {
    return { ...values, run: this.number };
  }

  #values(fields: Fields): Values {
    const title = `run-${this.number}-write-${this.#unique()}`;
    const { code, ...rest } = fields;
    const own = code === null || code === undefined ? code : `${this.number}-${code}`;
    return { ...rest, title, ...(own !== undefined && { code: own }) };
  }

  #unique(): string {
    this.#writes++;
    return `${this.number}f${this.#writes}`.padStart(12, '0');
  }

  #find(target: Target): ModelRecord | undefined {
    const all = [...this.#model.records.values()];
    return target === 'none' ? undefined : all[target % Math.max(1, all.length)];
  }

  #url(id: string): string {
    return `${this.#options.path}/${id}`;
  }
}

function believed(record: ModelRecord | undefined, belief: Belief): number | undefined {
  if (belief === 'unsaid') return undefined;
  const current = record?.version ?? 1;
  return belief === 'current' ? current : current + 1;
}

function idOf(answer: LightMyRequestResponse): string {
  const { data } = answer.json() as { data?: { id: string } };
  return data?.id ?? 'refused';
}
