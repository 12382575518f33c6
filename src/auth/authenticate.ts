import type { Identity } from '../contract/identity.ts';
import type { AuthStrategySpec, Operation } from '../contract/kinds.ts';
import type { VelocityError } from '../errors.ts';
import type { RegistrySnapshot, StrategyEntry } from '../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { authenticateKey } from './authenticate-key.ts';
import type { Credentials } from './credentials.ts';
import { hasCredentials, invalidCredentials, requireOneCredential } from './credentials.ts';
import { strategiesFor } from './strategy-choice.ts';
import type { AuthenticationContext, StrategyFunction } from './strategy-function.ts';
import { notApplicable } from './strategy-function.ts';

export interface AuthenticationQuestion extends AuthenticationContext {
  /** Undefined: the route is for no schema. */
  readonly schema?: CompiledSchema | undefined;
  /** What the request may do to the schema's records. */
  readonly operations?: readonly Exclude<Operation, '*'>[] | undefined;
}

export interface Authenticator {
  /** Throws, or rejects, with one of the AUTH codes. Synchronous whenever nothing has to be fetched. */
  authenticate(
    credentials: Credentials,
    question: AuthenticationQuestion,
  ): Identity | Promise<Identity>;
}

type LeafType = Exclude<AuthStrategySpec['type'], 'composite'>;

export interface AuthenticatorOptions {
  /** By type. A type without a function accepts nobody. */
  readonly functions?: Partial<Readonly<Record<LeafType, StrategyFunction>>>;
  /** Asked once for every caller, however authenticated: revocation. May refuse by throwing. */
  readonly admit?: (
    identity: Identity,
    context: AuthenticationContext,
  ) => Identity | Promise<Identity>;
}

type Answer = Identity | typeof notApplicable;

/** Where no schema has a say: what a caller may prove themselves with, in this order. */
const platformSteps: readonly Step[] = (['apikey', 'jwt', 'oidc'] as const).map((type) => ({
  type,
  strategy: undefined,
}));

/**
 * Who calls. A schema's request is judged by the schema's strategies in their order: the first that
 * applies decides, and its refusal is final. Everything else takes API keys, sessions and tokens of
 * any strategy.
 */
export function createAuthenticator(options: AuthenticatorOptions = {}): Authenticator {
  const functions = { apikey: authenticateKey, ...options.functions };

  function ask(
    steps: readonly Step[],
    credentials: Credentials,
    context: AuthenticationContext,
    from = 0,
  ): Answer | Promise<Answer> {
    for (let i = from; i < steps.length; i++) {
      const { type, strategy } = steps[i]!;
      const answer = functions[type]?.(credentials, strategy, context) ?? notApplicable;
      if (answer instanceof Promise) {
        return answer.then((late) =>
          late === notApplicable ? ask(steps, credentials, context, i + 1) : late,
        );
      }
      if (answer !== notApplicable) return answer;
    }
    return notApplicable;
  }

  function askPlatform(
    credentials: Credentials,
    context: AuthenticationContext,
  ): Identity | Promise<Identity> {
    return chain(ask(platformSteps, credentials, context), (answer) => {
      if (answer !== notApplicable) return answer;
      throw invalidCredentials(
        hasCredentials(credentials)
          ? 'The credentials are of no kind that is accepted here.'
          : 'Credentials are missing.',
        'Send an API key or a token as "Authorization: Bearer …".',
      );
    });
  }

  function askSchema(
    credentials: Credentials,
    schema: CompiledSchema,
    question: AuthenticationQuestion,
  ): Identity | Promise<Identity> {
    const steps = stepsFor(schema, question.operations ?? readsOnly, question.snapshot);
    const outcome = recover<Answer | Refusal>(
      () => ask(steps, credentials, question),
      (cause) => ({ cause }),
    );
    return chain(outcome, (answer) => {
      if (answer !== notApplicable && !('cause' in answer)) return answer;
      const refusal = answer === notApplicable ? undefined : answer;
      const known = recover<Identity>(
        () => askPlatform(credentials, question),
        (cause) => {
          throw refusal === undefined ? cause : refusal.cause;
        },
      );
      return chain(known, (identity) => {
        // To strangers this schema is not there, as any other path. And the bootstrap key is accepted
        // everywhere: a strategy that accepts nobody could not be mended otherwise.
        const { organisation, platformAdmin } = identity;
        if (platformAdmin || organisation !== schema.organisation) return identity;
        throw refusal === undefined ? unsuited(schema, steps) : refusal.cause;
      });
    });
  }

  return {
    authenticate(credentials, question) {
      requireOneCredential(credentials);
      const { schema } = question;
      const found =
        schema === undefined
          ? askPlatform(credentials, question)
          : askSchema(credentials, schema, question);
      const { admit } = options;
      return admit === undefined ? found : chain(found, (identity) => admit(identity, question));
    },
  };
}

interface Step {
  readonly type: LeafType;
  readonly strategy: StrategyEntry | undefined;
}

interface Refusal {
  readonly cause: unknown;
}

type Operations = NonNullable<AuthenticationQuestion['operations']>;

const readsOnly: Operations = ['read'];

/** By schema and by the route's list of operations; good while the snapshot is the same. */
const knownSteps = new WeakMap<
  CompiledSchema,
  Map<Operations, { readonly snapshot: RegistrySnapshot; readonly steps: readonly Step[] }>
>();

function stepsFor(
  schema: CompiledSchema,
  operations: Operations,
  snapshot: RegistrySnapshot,
): readonly Step[] {
  let known = knownSteps.get(schema);
  if (known === undefined) {
    known = new Map();
    knownSteps.set(schema, known);
  }
  const hit = known.get(operations);
  if (hit?.snapshot === snapshot) return hit.steps;
  const steps = strategiesFor(schema, operations, snapshot).map((strategy) => ({
    type: strategy.spec.type as LeafType,
    strategy,
  }));
  known.set(operations, { snapshot, steps });
  return steps;
}

const acceptedNames: Readonly<Record<LeafType, string>> = {
  apikey: 'API keys',
  jwt: 'tokens of the issuers that it names',
  oidc: 'signed-in sessions',
  none: 'requests without credentials',
};

/** For callers of the same organisation, who may know. */
function unsuited({ path }: CompiledSchema, steps: readonly Step[]): VelocityError {
  const names = [...new Set(steps.map(({ type }) => acceptedNames[type]))];
  return invalidCredentials(
    `${path} does not accept credentials of this kind for this operation.`,
    names.length === 0
      ? 'Its AuthStrategy is not there: velocity get AuthStrategy lists those that are.'
      : `It accepts ${names.join(' and ')}.`,
  );
}

/** `then` without a turn of the event loop where there is nothing to wait for. */
function chain<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** `catch`, likewise. */
function recover<T>(
  work: () => T | Promise<T>,
  onFailure: (cause: unknown) => T | Promise<T>,
): T | Promise<T> {
  let value: T | Promise<T>;
  try {
    value = work();
  } catch (cause) {
    return onFailure(cause);
  }
  return value instanceof Promise ? value.catch(onFailure) : value;
}
