/** pino's numbers; what is below a warning stays in the log file. */
const levelNames: Readonly<Record<number, string>> = { 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };
const warnLevel = 40;

/** What every line carries and nobody at a terminal needs; the message and the cause have places. */
const withheld = new Set(['level', 'time', 'pid', 'hostname', 'process', 'msg', 'cause', 'err']);
/** One line of a terminal, more or less; the file has the whole. */
const lengthMax = 400;

/**
 * One line of a child's log as a person wants it, or undefined when it is nothing to look at.
 * A line that is not JSON is a process that could not start and says why (`velocity: …`).
 */
export function summariseLogLine(line: string): string | undefined {
  if (!line.startsWith('{')) return line.startsWith('velocity:') ? line : undefined;
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const level = typeof entry['level'] === 'number' ? entry['level'] : 0;
  if (level < warnLevel) return undefined;
  const fields = Object.entries(entry)
    .filter(([name, value]) => !withheld.has(name) && isScalar(value))
    .map(([name, value]) => `${name}=${value}`);
  const cause = messageOf(entry['cause']) ?? messageOf(entry['err']);
  const head = [levelNames[level] ?? `LEVEL ${level}`, entry['msg'], ...fields]
    .filter(isScalar)
    .join(' ');
  const text = cause === undefined ? head : `${head}: ${cause}`;
  return text.replaceAll(/\s*\n\s*/g, ' ').slice(0, lengthMax);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function messageOf(cause: unknown): string | undefined {
  if (typeof cause === 'string') return cause;
  if (typeof cause !== 'object' || cause === null || !('message' in cause)) return undefined;
  return typeof cause.message === 'string' ? cause.message : undefined;
}
