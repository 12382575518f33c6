import { posix } from 'node:path';
import type { Rule } from './source.ts';
import { findInCode, importsOf, isGenerated } from './source.ts';

const linesMax = 400;
const forbiddenWords = ['utils', 'util', 'lib', 'helpers', 'helper', 'common', 'manager', 'misc'];
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const workflowDoor = 'src/workflows/index.ts';

export const fileSizes: Rule = (files) =>
  files
    .filter((file) => !isGenerated(file))
    .map((file) => ({ file, lines: file.text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ file, lines }) => ({
      path: file.path,
      line: linesMax,
      message: `${lines} lines; ${linesMax} is the end: split it by reason to exist`,
    }));

export const noDefaultExports: Rule = (files) =>
  files.flatMap((file) =>
    findInCode(file, /^export\s+default\b|\bas\s+default\b/gm).map(({ line }) => ({
      path: file.path,
      line,
      message: 'export by name',
    })),
  );

/** Passing on another file's exports hides where things live; one file may, for a tool wants it. */
export const noBarrels: Rule = (files) =>
  files
    .filter(({ path }) => path !== workflowDoor)
    .flatMap((file) => [
      ...(posix.basename(file.path) === 'index.ts'
        ? [{ path: file.path, line: 1, message: 'name the file by its main export' }]
        : []),
      ...importsOf(file)
        .filter(({ reexport }) => reexport)
        .map(({ line, specifier }) => ({
          path: file.path,
          line,
          message: `import ${specifier} where it is used instead of passing it on`,
        })),
    ]);

export const forbiddenNames: Rule = (files) =>
  files.flatMap(({ path }) => {
    const word = wordsOf(path).find((candidate) => forbiddenWords.includes(candidate));
    return word === undefined
      ? []
      : [{ path, line: 1, message: `"${word}" says nothing: name it by what it does` }];
  });

function wordsOf(path: string): string[] {
  return path.split('/').flatMap((segment) => (segment.split('.')[0] ?? '').split('-'));
}

export const kebabCaseNames: Rule = (files) =>
  files
    .filter(({ path }) => !path.split(/[/.]/).every((part) => kebabCase.test(part)))
    .map(({ path }) => ({ path, line: 1, message: 'files and folders are kebab-case' }));

/** `import { type X }` leaves `import {}` behind when types are stripped: it still loads the file. */
export const noInlineTypeSpecifiers: Rule = (files) =>
  files.flatMap((file) =>
    findInCode(file, /^(?:import|export)\s*(?:[\w$]+\s*,\s*)?\{[^}]*?\btype\s+[\w$]/gm).map(
      ({ line }) => ({ path: file.path, line, message: 'write `import type { … }` of its own' }),
    ),
  );
