import type { OpenTransaction, Pool } from '../../src/store/pool.ts';

type Around = <T>(statement: () => Promise<T>) => Promise<T>;

/** The pool with `around` called for every statement; the commit of a transaction is one of them. */
export function aroundStatements(pool: Pool, around: Around): Pool {
  return {
    ...pool,
    query: (statement) => around(() => pool.query(statement)),
    async transaction<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
      const committed = Promise.withResolvers<void>();
      const outcome = await pool.transaction(async (tx) => {
        let isCommitted = false;
        const done = await work({
          query: (statement) => around(() => tx.query(statement)),
          queryAndCommit: (text) => {
            isCommitted = true;
            return around(() => tx.queryAndCommit(text));
          },
        });
        // Begins now, with the last thing done before the commit, and ends with it.
        if (!isCommitted) void around(() => committed.promise);
        return done;
      });
      committed.resolve();
      return outcome;
    },
  };
}
