import { newOrder, orderPath, statuses } from '../fixture/order.ts';
import { bare, withBody } from './http-text.ts';
import type { Operation, Target } from './messages.ts';

/** Rows of one bulk request. */
export const bulkRows = 1_000;

/** A request, and what to note once it has succeeded. */
export interface Request {
  readonly text: string;
  readonly status: number;
  readonly done?: () => void;
}

/**
 * Makes the requests of one connection. Updates carry the version they are based on, so each
 * connection has records of its own: every `connections`th, beginning with its own number.
 */
export interface RequestSource {
  next(): Request;
}

/** What is shared by all runs: the records, how far each was changed, and the last order's number. */
export interface LoadState {
  readonly ids: readonly string[];
  readonly versions: Uint32Array;
  orders: number;
}

export function createState(ids: readonly string[]): LoadState {
  return { ids, versions: new Uint32Array(ids.length).fill(1), orders: 0 };
}

export function requestsOf(
  operation: Operation,
  at: { readonly state: LoadState; readonly target: Target },
  place: { readonly connection: number; readonly connections: number },
): RequestSource {
  const { state, target } = at;
  const { ids, versions } = state;
  let turn = 0;
  switch (operation) {
    case 'get':
      return {
        next: () => {
          const id = ids[Math.floor(Math.random() * ids.length)];
          const path = target.path ?? orderPath;
          return { text: bare('GET', `${path}/${id}`, target), status: 200 };
        },
      };
    case 'list':
      return {
        next: () => {
          const status = statuses[turn++ % statuses.length];
          const query = `filter[status]=${status}&sort=-ordered_on&limit=50`;
          return { text: bare('GET', `${orderPath}?${encodeURI(query)}`, target), status: 200 };
        },
      };
    case 'create':
      return {
        next: () => {
          const body = JSON.stringify(newOrder(++state.orders));
          return { text: withBody('POST', orderPath, target, body), status: 201 };
        },
      };
    case 'update':
      return {
        next: () => {
          const own = place.connection + place.connections * turn++;
          const index = own % ids.length;
          const version = versions[index] ?? 1;
          const body = JSON.stringify({
            status: statuses[(index + version) % statuses.length],
            carrier: `carrier ${version}`,
          });
          const more = `If-Match: "${version}"\r\n`;
          return {
            text: withBody('PATCH', `${orderPath}/${ids[index]}`, target, body, more),
            status: 200,
            done: () => {
              versions[index] = version + 1;
            },
          };
        },
      };
    case 'bulk':
      return {
        next: () => {
          const rows = Array.from({ length: bulkRows }, () => ({
            op: 'create',
            record: newOrder(++state.orders),
          }));
          const body = JSON.stringify(rows);
          return { text: withBody('POST', `${orderPath}/bulk`, target, body), status: 200 };
        },
      };
  }
}
