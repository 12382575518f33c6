import type { Pool, Transaction } from '../../src/store/pool.ts';

type Around = <T>(statement: () => Promise<T>) => Promise<T>;

/** The pool with `around` called for every statement; the commit of a transaction is one of them. */
export function aroundStatements(pool: Pool, around: Around): Pool {
  return {
    ...pool,
    query: (statement) => around(() => pool.query(statement)),
    async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
      const committed = Promise.withResolvers<void>();
      const outcome = await pool.transaction(async (tx) => {
        const done = await work({ query: (statement) => around(() => tx.query(statement)) });
        // Begins now, with the last thing done before the commit, and ends with it.
        void around(() => committed.promise);
        return done;
      });
      committed.resolve();
      return outcome;
    },
  };
}
