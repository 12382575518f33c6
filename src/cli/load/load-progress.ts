import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import { hasColour } from '../output.ts';

export interface LoadState {
  readonly rows: number;
  readonly rejected: number;
  readonly skipped: number;
  /** 0 to 1; undefined where the end is not known. */
  readonly fraction: number | undefined;
}

export interface LoadProgress {
  show(state: LoadState): void;
  note(text: string): void;
  end(): void;
}

const redrawMs = 100;
const lineMs = 5_000;
const barWidth = 24;

/** A bar that redraws itself on a terminal, a line every five seconds elsewhere. On stderr. */
export function startLoadProgress(cli: Cli, name: string, rowsBefore: number): LoadProgress {
  const startedMs = cli.now();
  const onTerminal = cli.stderr.isTty;
  let shownMs = onTerminal ? 0 : startedMs;
  let fractionBefore: number | undefined;
  const clear = () => cli.stderr.stream.write('\r\u001b[2K');
  return {
    show(state) {
      fractionBefore ??= rowsBefore === 0 ? 0 : state.fraction;
      const nowMs = cli.now();
      if (nowMs - shownMs < (onTerminal ? redrawMs : lineMs)) return;
      shownMs = nowMs;
      const elapsed = (nowMs - startedMs) / 1_000;
      const parts = describe(state, { elapsed, rowsBefore, fractionBefore: fractionBefore ?? 0 });
      if (!onTerminal) return remark(cli, [name, ...parts].join(' · '));
      const bar = state.fraction === undefined ? '' : `${drawBar(cli, state.fraction)} `;
      const text = `${name} ${bar}${parts.join(' · ')}`;
      clear();
      cli.stderr.stream.write(text.length > cli.stderr.columns + 10 ? parts.join(' · ') : text);
    },
    note(text) {
      if (onTerminal) clear();
      remark(cli, text);
    },
    end() {
      if (onTerminal) clear();
    },
  };
}

function describe(
  state: LoadState,
  {
    elapsed,
    rowsBefore,
    fractionBefore,
  }: { elapsed: number; rowsBefore: number; fractionBefore: number },
): string[] {
  const perSecond = elapsed > 0 ? Math.round((state.rows - rowsBefore) / elapsed) : 0;
  const parts = [`${grouped(state.rows)} rows`, `${grouped(perSecond)} rows/s`];
  if (state.fraction !== undefined) {
    parts.unshift(`${Math.floor(state.fraction * 100)} %`);
    const done = state.fraction - fractionBefore;
    if (done > 0 && elapsed > 0.5)
      parts.push(`ETA ${clock((elapsed * (1 - state.fraction)) / done)}`);
  }
  if (state.skipped > 0) parts.push(`${grouped(state.skipped)} skipped`);
  if (state.rejected > 0) parts.push(`${grouped(state.rejected)} refused`);
  return parts;
}

function drawBar(cli: Cli, fraction: number): string {
  const full = Math.min(barWidth, Math.floor(fraction * barWidth));
  const bar = `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`;
  return hasColour(cli, cli.stderr) ? `\u001b[36m${bar}\u001b[0m` : bar;
}

/** `1,234,567` whatever the machine's language is: scripts may read the lines. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [
    Math.floor(whole / 3_600),
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const tail = `${String(minutes).padStart(hours > 0 ? 2 : 1, '0')}:${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}
