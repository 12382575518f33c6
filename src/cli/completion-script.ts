import type { Command } from 'commander';
import { kindWords } from './kind-names.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What may follow one command: the words after `velocity a b`. */
interface Place {
  /** `` for the program itself, `record create` and so on. */
  readonly words: string;
  readonly options: readonly Word[];
  readonly next: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly description: string;
  /** The values that an option takes; undefined: any, files included. */
  readonly values?: readonly string[];
}

/**
 * Everything is in the script itself: completing starts no process, for a Node.js start at every
 * Tab would be felt.
 */
export function writeCompletion(shell: Shell, program: Command): string {
  const places = collectPlaces(program, '', []);
  return { bash: writeBash, zsh: writeZsh, fish: writeFish }[shell](places);
}

function collectPlaces(command: Command, words: string, inherited: readonly Word[]): Place[] {
  const own = command.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ long, short, description, argChoices }) =>
      [long, short]
        .filter((text) => text !== undefined)
        .map((text) => ({ text, description, ...(argChoices ? { values: argChoices } : {}) })),
    );
  const options = [...own, ...inherited, ...(words === '' ? [helpOption] : [])];
  const subcommands = command.commands.map((one) => ({
    text: one.name(),
    description: one.description(),
  }));
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  const kinds = command.registeredArguments[0]?.name() === 'kind' ? kindWords() : [];
  const next = [
    ...subcommands,
    ...[...choices, ...kinds].map((text) => ({ text, description: '' })),
  ];
  return [
    { words, options, next },
    ...command.commands.flatMap((one) =>
      collectPlaces(one, `${words} ${one.name()}`.trim(), options),
    ),
  ];
}

const helpOption: Word = { text: '--help', description: 'help for a command' };

/**
 * The place is the longest run of words that names a command. Bash before 4 has no associative
 * arrays (macOS still ships 3.2), hence `case`.
 */
function writeBash(places: readonly Place[]): string {
  const cases = places.map(
    ({ words, options, next }) =>
      `    ${JSON.stringify(words)}) next=${quote(textsOf(next))}; options=${quote(textsOf(options))} ;;`,
  );
  const values = optionsWithValues(places).map(
    ({ text, values: allowed }) =>
      `    ${text}) COMPREPLY=( $(compgen -W ${quote(allowed.join(' '))} -- "$current") ); return ;;`,
  );
  return `# bash completion for velocity
_velocity() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local place="" word next="" options="" index
  case "$previous" in
${values.join('\n')}
  esac
  for (( index = 1; index < COMP_CWORD; index++ )); do
    word="\${COMP_WORDS[index]}"
    case "\${place:+$place }$word" in
      ${places
        .slice(1)
        .map(({ words }) => JSON.stringify(words))
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=( $(compgen -W "$options" -- "$current") )
  else
    COMPREPLY=( $(compgen -W "$next" -- "$current") )
  fi
}
complete -o default -F _velocity velocity
`;
}

function writeZsh(places: readonly Place[]): string {
  const cases = places.map(
    ({ words, options, next }) =>
      `    ${JSON.stringify(words)})\n      next=(${describedForZsh(next)})\n      options=(${describedForZsh(options)}) ;;`,
  );
  const values = optionsWithValues(places).map(
    ({ text, values: allowed }) => `    ${text}) compadd -- ${allowed.join(' ')}; return ;;`,
  );
  return `#compdef velocity
# zsh completion for velocity
_velocity() {
  local place="" word index
  local -a next options
  case "\${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  for (( index = 2; index < CURRENT; index++ )); do
    word="\${words[index]}"
    case "\${place:+$place }$word" in
      ${places
        .slice(1)
        .map(({ words }) => JSON.stringify(words))
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe option options
  elif (( \${#next} )); then
    _describe command next
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_velocity" ]; then _velocity "$@"; else compdef _velocity velocity; fi
`;
}

function writeFish(places: readonly Place[]): string {
  const lines = places.flatMap(({ words, options, next }) => {
    const here = `-n ${quote(`__velocity_at ${words}`.trim())}`;
    return [
      ...next.map(
        ({ text, description }) =>
          `complete -c velocity ${here} -f -a ${quote(text)}${described(description)}`,
      ),
      ...options.map(({ text, description, values }) => {
        const name = text.startsWith('--') ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`;
        const takes = values === undefined ? '' : ` -x -a ${quote(values.join(' '))}`;
        return `complete -c velocity ${here} ${name}${takes}${described(description)}`;
      }),
    ];
  });
  return `# fish completion for velocity
set -g __velocity_places ${places
    .slice(1)
    .map(({ words }) => quote(words))
    .join(' ')}
function __velocity_at
  set -l place
  for word in (commandline -opc)[2..-1]
    set -l longer (string join ' ' $place $word)
    contains -- $longer $__velocity_places; and set place $longer
  end
  test "$place" = "$argv"
end
${lines.join('\n')}
`;
}

function described(description: string): string {
  return description === '' ? '' : ` -d ${quote(description)}`;
}

function describedForZsh(words: readonly Word[]): string {
  return words
    .map(({ text, description }) =>
      quote(`${text.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`),
    )
    .join(' ');
}

function optionsWithValues(
  places: readonly Place[],
): { text: string; values: readonly string[] }[] {
  const found = new Map<string, readonly string[]>();
  for (const { options } of places) {
    for (const { text, values } of options) if (values !== undefined) found.set(text, values);
  }
  return [...found].map(([text, values]) => ({ text, values }));
}

function textsOf(words: readonly Word[]): string {
  return words.map(({ text }) => text).join(' ');
}

/** For all three shells alike. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
