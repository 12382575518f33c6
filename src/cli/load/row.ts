/** One row of a file on its way to the API. */
export interface Row {
  /** Where it begins, from 1, as an editor counts. */
  readonly line: number;
  /** The record as JSON text; undefined when the row could not be read. */
  readonly json: string | undefined;
  /** Why not, then, and what stood there. */
  readonly unreadable?: { readonly reason: string; readonly text: string };
}

/** A row longer than this is a file without line ends, or one that is not what it says. */
export const rowCharactersMax = 1_048_576;
