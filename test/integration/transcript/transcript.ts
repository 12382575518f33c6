/** What a page of documentation says that a person writes, types and reads. */
export type TranscriptItem =
  | { readonly kind: 'file'; readonly name: string; readonly content: string }
  | { readonly kind: 'command'; readonly command: string; readonly output: string };

const block = /^```(?<language>yaml|console)(?: (?<name>\S+))?\n(?<body>[\s\S]*?)^```$/gm;

/** Blocks ```yaml NAME are files; ```console blocks are `$ commands` with what they print. */
export function readTranscript(page: string): TranscriptItem[] {
  const items: TranscriptItem[] = [];
  for (const { groups } of page.matchAll(block)) {
    const { language, name, body = '' } = groups ?? {};
    if (language === 'yaml' && name !== undefined) {
      items.push({ kind: 'file', name, content: body });
    } else if (language === 'console') {
      items.push(...readCommands(body));
    }
  }
  return items;
}

function readCommands(body: string): TranscriptItem[] {
  return body
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [, command = '', output = ''] = /^((?:.*\\\n)*.*)\n?([\s\S]*)$/.exec(part) ?? [];
      return { kind: 'command', command, output: output.trimEnd() };
    });
}

/** The page with what was typed this time and what came back, in their order. */
export function withTyped(
  page: string,
  typed: readonly { readonly command: string; readonly output: string }[],
): string {
  let place = 0;
  return page.replaceAll(block, (whole, language: string, _name, body: string) => {
    if (language !== 'console') return whole;
    const lines = readCommands(body).map(() => {
      const { command = '', output = '' } = typed[place++] ?? {};
      return `$ ${command}\n${output === '' ? '' : `${output}\n`}`;
    });
    return `\`\`\`console\n${lines.join('')}\`\`\``;
  });
}

const hash = /\b[0-9a-f]{64}\b/g;
const uuid = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const time = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)/g;
const age = /\b\d+(?:ms|s|m)\b/g;

/** Hashes and ids differ from run to run: what this run calls the things that the page names. */
export class NameTable {
  readonly #actual = new Map<string, string>();

  /** HASH and ID stand for the last that was seen, for a page that is being written. */
  learn(written: string, actual: string): void {
    for (const [word, pattern] of [
      ['HASH', hash],
      ['ID', uuid],
    ] as const) {
      const found = actual.match(pattern) ?? [];
      for (const [place, name] of (written.match(pattern) ?? []).entries()) {
        const real = found[place];
        if (real !== undefined) this.#actual.set(name, real);
      }
      const last = found.at(-1);
      if (last !== undefined) this.#actual.set(word, last);
    }
  }

  translate(command: string): string {
    return command.replaceAll(/\b(?:HASH|ID|[0-9a-f-]{36,64})\b/g, (name) => {
      return this.#actual.get(name) ?? name;
    });
  }
}

/** Numbers hashes and ids in the order that they come in; leaves out times, ages and padding. */
export function normalise(text: string): string {
  const numbers = new Map<string, string>();
  const numbered = (kind: string) => (name: string) => {
    const known = numbers.get(name) ?? `<${kind} ${numbers.size + 1}>`;
    numbers.set(name, known);
    return known;
  };
  return text
    .replaceAll(hash, numbered('hash'))
    .replaceAll(uuid, numbered('id'))
    .replaceAll(time, '<time>')
    .replaceAll(age, '<age>')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(/[ \t]+$/gm, '');
}
