/** 1 lets long faults last as long as they are said to; in CI a minute is a second. */
const faultScale = Number(process.env['FAULT_SCALE'] ?? 1 / 60);

/** How long a fault of so many minutes lasts in this run, in milliseconds. */
export function faultMs(minutes: number): number {
  return minutes * 60_000 * faultScale;
}
