/** What the records of one schema must be after any series of writes: the reference of the model test. */

/** A field that is absent is not sent. */
export interface Values {
  readonly code?: string | null;
  readonly quantity?: number | null;
  readonly tags?: readonly string[] | null;
  /** May be set on create only. */
  readonly serial?: string | null;
  /** Names the write, so that a refused one can be looked for. */
  readonly title: string;
}

export interface ModelRecord {
  readonly id: string;
  version: number;
  deleted: boolean;
  values: Required<Values>;
}

export type BulkRow =
  | { readonly op: 'create'; readonly values: Values }
  | {
      readonly op: 'update';
      readonly id: string;
      readonly version: number | undefined;
      readonly values: Values;
    }
  | { readonly op: 'delete'; readonly id: string; readonly version: number | undefined };

/** The schema's bound on `quantity`. */
export const quantityMax = 9;

/** Each method answers the status that the API must answer; it changes the model only with a success. */
export class RecordModel {
  readonly records = new Map<string, ModelRecord>();
  /** Titles of writes that were refused: they must be nowhere. */
  readonly refused: string[] = [];

  find(id: string): ModelRecord | undefined {
    const record = this.records.get(id);
    return record?.deleted === true ? undefined : record;
  }

  /** `id` is what the API answered, or for a refusal what a success would have had. */
  create(id: string, values: Values): number {
    if (isInvalid(values)) return this.#refuse(values, 400);
    if (this.records.has(id) || this.#isTaken(values.code)) return this.#refuse(values, 409);
    this.records.set(id, { id, version: 1, deleted: false, values: complete(values) });
    return 201;
  }

  patch(id: string, version: number, values: Values): number {
    const record = this.find(id);
    const missed = record === undefined ? 404 : record.version !== version ? 409 : undefined;
    // A change of an immutable field is judged against the record, so that is looked at first.
    if (!('serial' in values) && isInvalid(values)) return this.#refuse(values, 400);
    if (record === undefined || missed !== undefined) return this.#refuse(values, missed ?? 404);
    if (isInvalid(values) || changesSerial(record, values)) return this.#refuse(values, 400);
    if (this.#isTaken(values.code, id)) return this.#refuse(values, 409);
    return this.#change(record, { ...record.values, ...values });
  }

  put(id: string, version: number | undefined, values: Values): number {
    const record = this.find(id);
    if (record === undefined) {
      return version === undefined ? this.create(id, values) : this.#refuse(values, 409);
    }
    if (version === undefined) return this.#refuse(values, 428);
    if (record.version !== version) return this.#refuse(values, 409);
    if (isInvalid(values) || changesSerial(record, values)) return this.#refuse(values, 400);
    if (this.#isTaken(values.code, id)) return this.#refuse(values, 409);
    return this.#change(record, { ...complete(values), serial: record.values.serial });
  }

  delete(id: string, version: number | undefined, staleStatus = 412): number {
    const record = this.find(id);
    if (record === undefined) return 404;
    if (version !== undefined && record.version !== version) return staleStatus;
    record.version++;
    record.deleted = true;
    return 204;
  }

  /** Statuses of rows in their order; `ids` are those of the rows, as far as they were given. */
  bulk(rows: readonly BulkRow[], ids: readonly string[]): number[] {
    const statuses: number[] = Array.from({ length: rows.length }, () => 0);
    for (const op of ['create', 'update', 'delete'] as const) {
      for (const [index, row] of rows.entries()) {
        if (row.op === op) statuses[index] = this.#bulkRow(row, ids[index] ?? '');
      }
    }
    return statuses;
  }

  /** A copy to try an atomic bulk on. */
  copy(): RecordModel {
    const copy = new RecordModel();
    for (const [id, record] of this.records) copy.records.set(id, { ...record });
    return copy;
  }

  #bulkRow(row: BulkRow, id: string): number {
    if (row.op === 'create') return this.create(id, row.values);
    if (row.op === 'delete') return this.delete(row.id, row.version, 409);
    if (isInvalid(row.values)) return this.#refuse(row.values, 400);
    const record = this.find(row.id);
    if (record === undefined) return this.#refuse(row.values, 404);
    if (changesSerial(record, row.values)) return this.#refuse(row.values, 400);
    return this.patch(row.id, row.version ?? record.version, row.values);
  }

  #isTaken(code: string | null | undefined, by?: string): boolean {
    if (code === undefined || code === null) return false;
    return [...this.records.values()].some((one) => one.values.code === code && one.id !== by);
  }

  #change(record: ModelRecord, values: Required<Values>): number {
    record.version++;
    record.values = values;
    return 200;
  }

  #refuse(values: Values, status: number): number {
    this.refused.push(values.title);
    return status;
  }
}

function complete(values: Values): Required<Values> {
  return { code: null, quantity: null, tags: null, serial: null, ...values };
}

function isInvalid({ quantity }: Values): boolean {
  return typeof quantity === 'number' && quantity > quantityMax;
}

function changesSerial(record: ModelRecord, values: Values): boolean {
  return 'serial' in values && values.serial !== record.values.serial;
}
