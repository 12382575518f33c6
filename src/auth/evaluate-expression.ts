import { createContext, Script } from 'node:vm';
import type { CelValue } from '../cel/cel-type.ts';
import type { CheckedCel } from '../cel/check.ts';
import type { CelBindings } from '../cel/evaluate.ts';
import { evaluateCel } from '../cel/evaluate.ts';
import { mayTakeLong } from '../cel/work.ts';

/** One evaluation is stopped then, and has no value. */
const evaluationMsMax = 10;

/** What one request may spend on evaluations that had to be stoppable: a bulk makes thousands. */
const requestMsMax = 100;

/** Time that a request has left for expressions over what is large. */
export interface EvaluationTime {
  leftMs: number;
  /** For one of them. */
  readonly eachMs: number;
}

/** `eachMs` is what the caller's AuthStrategy says, if it does. */
export function newEvaluationTime(eachMs = evaluationMsMax): EvaluationTime {
  return { leftMs: requestMsMax, eachMs };
}

type Value = CelValue | null | undefined;

/**
 * The value of an expression, or undefined where it has none or was stopped; only true lets anything
 * pass, so what is stopped is refused. Where its input is small, as it nearly always is, it runs as
 * any function does.
 */
export function evaluateExpression(
  cel: CheckedCel,
  bindings: CelBindings,
  time: EvaluationTime,
  limitMs: number = evaluationMsMax,
): Value {
  if (!mayTakeLong(cel, bindings)) return evaluateCel(cel, bindings);
  const before = performance.now();
  const most = Math.min(limitMs, time.eachMs, time.leftMs);
  const value = stoppable(() => evaluateCel(cel, bindings, { mayEnd: true }), most);
  time.leftMs -= performance.now() - before;
  return value;
}

const place: { task: (() => Value) | undefined } = { task: undefined };
let context: object | undefined;
const script = new Script('place.task()');

/**
 * V8 ends what runs in the script, our own functions that it calls included, when its time is over
 * (nodejs.org/api/vm.html, `timeout`). That costs some 0.1 ms for each call, so small input does not
 * come here. docs/decisions/0028 compares it with a thread.
 */
function stoppable(task: () => Value, limitMs: number): Value {
  if (limitMs < 1) return undefined;
  context ??= createContext({ place });
  place.task = task;
  try {
    return script.runInContext(context, { timeout: Math.ceil(limitMs) }) as Value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    return undefined;
  } finally {
    place.task = undefined;
  }
}
