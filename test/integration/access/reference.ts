import type { Operation } from '../../../src/contract/kinds.ts';
import type { Expected } from './reference-answer.ts';
import { answerGet, answerGroups, answerHistory, answerList } from './reference-reads.ts';
import { mayRead, refusal, rightsTo } from './reference-rights.ts';
import { answerCreate, answerDelete, answerPatch, answerPut } from './reference-writes.ts';
import type { AccessRequest, Caller, World } from './world.ts';

/**
 * What every endpoint has to answer, said once more: loops over records in memory, written from the
 * documentation and with nothing of the code that it judges. It also does what it answers, so that
 * the records are those that the platform should have.
 */
export function answerOf(world: World, caller: Caller, request: AccessRequest): Expected {
  if (caller.key.standing === 'revoked') return refusal('AUTH_REVOKED');
  if (caller.key.standing === 'expired') return refusal('AUTH_EXPIRED');
  switch (request.kind) {
    case 'get':
      return answerGet(world, caller, request);
    case 'list':
    case 'query':
      return answerList(world, caller, request);
    case 'groups':
      return answerGroups(world, caller, request);
    case 'history':
      return answerHistory(world, caller, request);
    case 'create':
      return answerCreate(world, caller, request);
    case 'patch':
      return answerPatch(world, caller, request);
    case 'put':
      return answerPut(world, caller, request);
    case 'delete':
      return answerDelete(world, caller, request);
  }
}

/** Names of fields that the operation knows for this caller, system ones left out. */
export function knownFields(world: World, caller: Caller, operation: Operation): string[] {
  const rights = rightsTo(world, caller, operation);
  if ('codes' in rights) return [];
  return world.spec.fields.filter((field) => mayRead(rights, field)).map(({ name }) => name);
}
