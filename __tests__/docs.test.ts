/**
 * Holds the documents to the code: every program in them runs as a user would run it and prints what its
 * `// →` comments say, every history in them ends as it says, and what they list is what lib has.
 *
 * A code block in js, mjs or ts is a program, run in a directory of its own. The words behind the language:
 *
 *     file=NAME   saved under that name for the other blocks of its section, and not run
 *     server      does not end by itself: SIGINT ends it, once it has printed something
 *     fragment    not a program
 *
 * A `text history` block is a list of writes and of what every process then shows (docs/consistency.md).
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { Replica } from '../lib/core/replica';
import { limits } from '../lib/limits';
import { socketDirectory } from '../lib/mesh/directory';

const root = path.join(__dirname, '..');

const documents = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.split(path.sep).join('/')}`)
    .sort(),
].map((name) => ({ name, text: readFileSync(path.join(root, name), 'utf8') }));

interface Block {
  /** Where it is, for people: document, line and heading. */
  readonly title: string;
  /** Blocks of one section share their files. */
  readonly section: string;
  readonly language: string;
  readonly flags: readonly string[];
  readonly code: string;
}

function blocksOf({ name, text }: { readonly name: string; readonly text: string }): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { readonly at: number; readonly info: string } | null = null;
  const lines = text.split('\n');
  for (const [at, line] of lines.entries()) {
    if (open !== null) {
      if (line !== '```') continue;
      const [language = '', ...flags] = open.info.split(/\s+/);
      const code = lines.slice(open.at + 1, at).join('\n');
      const title = `${name}:${open.at + 1} (${heading})`;
      blocks.push({ title, section: `${name} ${heading}`, language, flags, code });
      open = null;
    } else if (line.startsWith('```')) open = { at, info: line.slice(3).trim() };
    else if (line.startsWith('#')) heading = line.replace(/^#+\s*/, '');
  }
  if (open !== null) throw new Error(`${name}: a code block has no end`);
  return blocks;
}

const blocks = documents.flatMap(blocksOf);
const fileNameOf = ({ flags }: Block): string | undefined => flags.find((flag) => flag.startsWith('file='))?.slice(5);

describe('programs in the documents', () => {
  const languages = ['js', 'mjs', 'ts'];
  const flagsKnown = /^(?:fragment|server|file=[\w.-]+)$/;
  const programs = blocks.filter(
    (block) =>
      languages.includes(block.language) && !block.flags.includes('fragment') && fileNameOf(block) === undefined,
  );

  test('are marked with words that mean something', () => {
    const marked = blocks.filter(({ language }) => languages.includes(language));
    expect(marked.filter(({ flags }) => !flags.every((flag) => flagsKnown.test(flag))).map(({ title }) => title)).toEqual([]);
    // What is spelled another way would be passed over in silence.
    expect(blocks.filter(({ language }) => /^(?:javascript|cjs|typescript|node)$/i.test(language))).toEqual([]);
    expect(programs.length).toBeGreaterThan(8);
  });

  test.each(programs.map((program) => [program.title, program] as const))(
    '%s',
    async (_title, program) => {
      const directory = mkdtempSync(path.join(tmpdir(), 'cc-docs-'));
      try {
        await runProgram(program, directory);
      } finally {
        // The library leaves the directory of its sockets to the next process; here none will come.
        rmSync(await socketDirectory(directory), { recursive: true, force: true });
        rmSync(directory, { recursive: true, force: true });
      }
    },
    120_000,
  );

  async function runProgram(program: Block, directory: string): Promise<void> {
    mkdirSync(path.join(directory, 'node_modules'));
    symlinkSync(root, path.join(directory, 'node_modules', 'cluster-cache'), 'junction');
    for (const block of blocks) {
      const name = fileNameOf(block);
      if (name !== undefined && block.section === program.section) writeFileSync(path.join(directory, name), block.code);
    }
    let script = path.join(directory, `main.${program.language}`);
    writeFileSync(script, program.code);
    if (program.language === 'ts') {
      await compile(directory, script);
      script = path.join(directory, 'main.js');
    }
    const { status, output } = await run(script, directory, program.flags.includes('server'));
    const printed = output.split('\n').filter((line) => line !== '');
    const expected = Array.from(program.code.matchAll(/\/\/ → (.*)$/gm), ([, value]) => value);
    if (expected.length > 0) expect(printed).toEqual(expected);
    expect(status).toBe(0);
  }

  async function compile(directory: string, script: string): Promise<void> {
    const options = {
      strict: true,
      // The declarations themselves are checked by package.test.ts.
      skipLibCheck: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      module: 'node20',
      target: 'ES2022',
      lib: ['ES2022'],
      types: ['node'],
      typeRoots: [path.join(root, 'node_modules', '@types')],
    };
    writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [script] }));
    const { status, output } = await run(path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), directory, false);
    if (status !== 0) throw new Error(output);
  }

  /** Runs a script to its end; its standard output. What it says on the other one is shown if it fails. */
  function run(script: string, cwd: string, isServer: boolean): Promise<{ status: number | null; output: string }> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, PORT: '0', NODE_OPTIONS: '', FORCE_COLOR: '0' };
      const child = spawn(process.execPath, [script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      let complaints = '';
      const timer = setTimeout(() => child.kill('SIGKILL'), 100_000);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (isServer && output === '') child.kill('SIGINT');
        output += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
      child.on('error', reject);
      child.on('close', (status, signal) => {
        clearTimeout(timer);
        if (complaints !== '' || signal !== null) reject(new Error(`${script} ended by ${signal}:\n${output}${complaints}`));
        else resolve({ status, output });
      });
    });
  }
});

describe('histories in the documents', () => {
  const histories = blocks.filter(({ language, flags }) => language === 'text' && flags.includes('history'));
  const startMs = Date.UTC(2026, 0, 1);

  test('there are some', () => expect(histories.length).toBeGreaterThan(5));

  /** Both orders of arrival: the outcome must not depend on it. */
  const ways = histories.flatMap((history) => [false, true].map((isReversed) => ({ ...history, isReversed })));

  test.each(ways)('$title, arriving in reverse: $isReversed', ({ code, isReversed }) => {
    let nowMs = 0;
    const skews = new Map<string, number>();
    const replicas = new Map<string, Replica>();
    const lines = code.split('\n').filter((text) => text.trim() !== '');
    for (const name of lines.map((line) => line.trim().split(/ +/)[1] ?? '')) {
      if (name === 'all' || replicas.has(name)) continue;
      const now = (): number => startMs + nowMs + (skews.get(name) ?? 0);
      const nextClientId = (): number => Math.floor(Math.random() * 2 ** 32);
      replicas.set(name, new Replica({ id: name.toLowerCase(), now, nextClientId, retentionMs: () => 120_000 }));
    }
    const meet = (): void => {
      for (const replica of replicas.values()) replica.commit();
      const states = Array.from(replicas.values(), (replica) => replica.encodeState());
      if (isReversed) states.reverse();
      for (const replica of replicas.values()) for (const state of states) replica.receive([state]);
    };
    const show = (replica: Replica): string => JSON.stringify(replica.get([]));
    const collect = (replica: Replica): void => {
      // As in a running process, what was written before is in the document.
      replica.commit();
      replica.sweep();
      replica.commit();
    };

    for (const line of lines) {
      const [, ms, who = '', verb = '', rest = ''] = /^ *(\d+) +(\w+) +([a-z]+) *(.*?)(?: *#.*)?$/.exec(line) ?? [];
      if (ms === undefined) throw new Error(`this line is not understood: ${line}`);
      nowMs = Number(ms);
      const [, at = '', value = '', ttl] = /^(\S+) *(.*?)(?: +ttl=(\d+))?$/.exec(rest) ?? [];
      if (who === 'all' && verb === 'meet') meet();
      else if (who === 'all' && verb === 'show') {
        for (const replica of replicas.values()) expect(show(replica)).toBe(JSON.stringify(JSON.parse(rest)));
      } else if (verb === 'shows') expect(show(replicas.get(who)!)).toBe(JSON.stringify(JSON.parse(rest)));
      else if (verb === 'clock') skews.set(who, Number(rest));
      else if (verb === 'set') replicas.get(who)!.set(at, JSON.parse(value), ttl === undefined ? 0 : Number(ttl));
      else if (verb === 'delete') replicas.get(who)!.delete(rest === '[]' ? [] : rest);
      else if (verb === 'collects') collect(replicas.get(who)!);
      else throw new Error(`this line is not understood: ${line}`);
    }
  });
});

describe('the tables', () => {
  const textOf = (name: string): string => documents.find((document) => document.name === name)?.text ?? '';
  /** The cells of all rows of all tables of a document. */
  const rowsOf = (text: string): string[][] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('|') && !/^\|[\s|:-]+\|$/.test(line))
      .map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, s: 1000 };

  test('of limits in the README says what lib/limits.ts says', () => {
    const stated = rowsOf(textOf('README.md')).flatMap((cells) => {
      const name = /^`(\w+(?:Max|Ms))`$/.exec(cells.at(-1) ?? '')?.[1];
      return name === undefined ? [] : [{ name, cell: cells[1] ?? '' }];
    });
    const values = stated.map(({ name, cell }) => {
      const [, digits = '', unit = ''] = /^([\d,]+) ?(\w+)?/.exec(cell) ?? [];
      return [name, Number(digits.replaceAll(',', '')) * (units[unit] ?? 1)];
    });
    expect(values.length).toBeGreaterThan(8);
    expect(Object.fromEntries(values)).toEqual(
      Object.fromEntries(stated.map(({ name }) => [name, (limits as Readonly<Record<string, number>>)[name]])),
    );
  });

  test('of errors has each code of lib/errors.ts once, in that order, with what happened and what to do', () => {
    const union = /export type ErrorCode =([^;]*);/.exec(readFileSync(path.join(root, 'lib', 'errors.ts'), 'utf8'))?.[1] ?? '';
    const codes = Array.from(union.matchAll(/'(ERR_CLUSTER_CACHE_[A-Z]+)'/g), ([, code]) => code);
    const rows = rowsOf(textOf('docs/errors.md')).filter(([code = '']) => code.startsWith('`ERR_'));
    expect(codes.length).toBeGreaterThan(0);
    expect(rows.map(([code]) => code)).toEqual(codes.map((code) => `\`${code}\``));
    expect(rows.filter((cells) => cells.length !== 3 || cells.some((cell) => cell === ''))).toEqual([]);
  });

  /** Names of the fields of an exported interface of lib. */
  const fieldsOf = (file: string, name: string): string[] => {
    const text = readFileSync(path.join(root, 'lib', file), 'utf8');
    const body = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, 's').exec(text)?.[1] ?? '';
    return Array.from(body.matchAll(/^ {2}readonly (\w+)/gm), ([, field]) => field!);
  };

  test.each([
    ['options', 'cache.ts', 'CacheOptions', 'new Cache'],
    ['figures', 'stats.ts', 'CacheStats', 'Figures'],
  ])('of %s in the README name what there is, each once', (_what, file, name, heading) => {
    const section = textOf('README.md').split(/^#+ /m).find((text) => text.replace('`', '').startsWith(heading)) ?? '';
    const rows = rowsOf(section).slice(1);
    const named = rows.flatMap(([cell = '']) => Array.from(cell.matchAll(/`(\w+)`/g), ([, field]) => field));
    expect(named.length).toBeGreaterThan(0);
    expect(named.sort()).toEqual(fieldsOf(file, name).sort());
  });

  test('of modules in docs/architecture.md names every file of lib', () => {
    const tables = textOf('docs/architecture.md').split('\n\n').filter((block) => block.startsWith('|'));
    const files = readdirSync(path.join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const missing = files.filter((name) => {
      const [file = '', folder] = name.replace(/\.ts$/, '').split(path.sep).reverse();
      const isNamed = new RegExp(`\`(?:lib/)?${file}(?:\\.ts)?\``);
      return !tables.some((table) => (folder === undefined || table.includes(`\`lib/${folder}/\``)) && isNamed.test(table));
    });
    expect(missing).toEqual([]);
  });

  test('name no error code that does not exist', () => {
    const text = readFileSync(path.join(root, 'lib', 'errors.ts'), 'utf8');
    const named = documents.flatMap((document) => document.text.match(/\bERR_CLUSTER_CACHE_[A-Z]+\b/g) ?? []);
    expect(named.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });
});

describe('references in the documents', () => {
  test.each(documents)('of $name lead to something', ({ name, text }) => {
    const folder = path.join(root, path.dirname(name));
    const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g), ([, link]) => path.join(folder, link!));
    const files = Array.from(text.matchAll(/`((?:lib|__tests__|scripts|demo|docs)\/[\w./-]+)`/g), ([, file]) =>
      path.join(root, file!),
    );
    expect([...links, ...files].filter((target) => !existsSync(target))).toEqual([]);
  });
});
