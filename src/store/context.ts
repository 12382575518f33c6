import type { SessionContext, Statement } from './statement.ts';

/**
 * Role and request context of a transaction; all of it ends with the transaction. The settings stand
 * in a sub-select so that the answer is a row without columns and not all of them once more.
 */
const text = `
  select from (select
         set_config('role', $1, true),
         set_config('velocity.organisation', $2, true),
         set_config('velocity.actor', $3, true),
         set_config('velocity.actor_type', $4, true),
         set_config('velocity.strategy', $5, true),
         set_config('velocity.request_id', $6, true),
         set_config('velocity.grants', $7, true),
         set_config('velocity.reason', $8, true),
         set_config('velocity.ticket_ref', $9, true),
         set_config('velocity.fail_mode', $10, true) offset 0) as c`;

export function contextStatement(context: SessionContext): Statement {
  return {
    name: 'velocity.context',
    text,
    values: [
      context.role,
      context.organisation,
      context.actor,
      context.actorType,
      context.strategy,
      context.requestId,
      context.grants,
      context.reason ?? '',
      context.ticketRef ?? '',
      context.failMode ?? '',
    ],
  };
}
