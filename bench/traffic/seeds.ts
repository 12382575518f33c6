/** Ids of the records that are there before the traffic; all of them begin so, and no other does. */
const seedPrefix = '01900000-0000-7000-8000-';

export function seedId(number: number): string {
  return `${seedPrefix}${number.toString(16).padStart(12, '0')}`;
}

/** The number of the seed in a row `t`, null of another record. */
export const seedNumber = `case when t.id < '01900000-0000-7000-8001-000000000000' then ('x' || right(t.id::text, 12))::bit(48)::bigint end`;
