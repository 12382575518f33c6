import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one line that a person, or a script that reads only the tail, can rely on. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed++;
        if (state === 'failed') failedHere++;
      }
      // A file that could not even be collected has no test to count, yet it has failed.
      if (failedHere === 0 && !module.ok()) failedHere = 1;
      failed += failedHere;
    }
    // scripts/test.sh names the steps that failed before, lest a green tail hide them.
    const steps = process.env['VELOCITY_FAILED_STEPS'];
    if (steps) process.stdout.write(`Failed before the tests: ${steps}\n`);
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  }
}
