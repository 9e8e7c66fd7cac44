/**
 * Checks the shape of lib/ by its text: layers, import cycles, what the pure core may touch, error
 * codes and their documentation, length and opening comment of each file.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import * as path from 'node:path';
import * as ts from 'typescript';

const root = path.join(__dirname, '..');
const lib = path.join(root, 'lib');

/** Layers from the top; modules of one layer do not know each other, and imports point down only. */
const layers: readonly (readonly string[])[] = [
  ['index'],
  ['cache'],
  ['host'],
  ['core', 'mesh', 'storage'],
  ['events'],
  ['errors', 'limits', 'stats', 'varuint'],
];
const fileLinesMax = 350;

interface SourceFile {
  /** Relative to lib, with `/`. */
  readonly name: string;
  readonly text: string;
  /** Module specifiers as written, `import type` and `import()` included. */
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .map((name) => name.split(path.sep).join('/'))
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .map((name) => {
    const text = readFileSync(path.join(lib, name), 'utf8');
    return { name, text, imports: ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName) };
  });

/** The file that a relative import means, relative to lib. */
function resolveImport(from: string, specifier: string): string {
  const target = path.posix.join(path.posix.dirname(from), specifier);
  const candidates = [target.replace(/\.js$/, '.ts'), `${target}.ts`, `${target}/index.ts`];
  const found = candidates.find((name) => files.some((file) => file.name === name));
  if (found === undefined) throw new Error(`${from} imports ${specifier}, which is no file of lib`);
  return found;
}

const isRelative = (specifier: string): boolean => specifier.startsWith('.');
const localImports = (file: SourceFile): string[] =>
  file.imports.filter(isRelative).map((specifier) => resolveImport(file.name, specifier));

/** The module of DESIGN.md's layout that a file belongs to. */
const moduleOf = (name: string): string => name.split('/')[0]!.replace(/\.ts$/, '');
const layerOf = (name: string): number => layers.findIndex((layer) => layer.includes(moduleOf(name)));

/** Identifiers, property accesses, `async` and `await` of a file; no types, comments or strings. */
function names(file: SourceFile): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    // A type such as `Date` is erased, and a property of that name is somebody else's.
    if (ts.isTypeNode(node)) return;
    if (ts.isPropertyAccessExpression(node)) {
      found.add(node.getText());
      visit(node.expression);
      return;
    }
    if (ts.isIdentifier(node)) found.add(node.text);
    if (ts.isAwaitExpression(node)) found.add('await');
    if (node.kind === ts.SyntaxKind.AsyncKeyword) found.add('async');
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file.name, file.text, ts.ScriptTarget.ES2022, true));
  return found;
}

/** The codes of the union `ErrorCode`. */
function errorCodes(): string[] {
  const source = ts.createSourceFile('errors.ts', readFileSync(path.join(lib, 'errors.ts'), 'utf8'), ts.ScriptTarget.ES2022);
  const union = source.statements.find(ts.isTypeAliasDeclaration)?.type;
  if (union === undefined || !ts.isUnionTypeNode(union)) throw new Error('lib/errors.ts has no union of codes');
  return union.types.map((type) => {
    if (!ts.isLiteralTypeNode(type) || !ts.isStringLiteral(type.literal)) throw new Error('a code is no string literal');
    return type.literal.text;
  });
}

const core = files.filter((file) => moduleOf(file.name) === 'core');

test('lib has files, and each belongs to a layer', () => {
  expect(files.length).toBeGreaterThan(0);
  expect(files.map((file) => file.name).filter((name) => layerOf(name) === -1)).toEqual([]);
});

test('imports point down the layers, and siblings do not know each other', () => {
  const wrong = files.flatMap((file) =>
    localImports(file)
      .filter((target) => moduleOf(target) !== moduleOf(file.name) && layerOf(target) <= layerOf(file.name))
      .map((target) => `${file.name} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('no import leads back to where it came from', () => {
  const imports = new Map(files.map((file) => [file.name, localImports(file)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (name: string, trail: readonly string[]): void => {
    if (trail.includes(name)) {
      cycles.push([...trail.slice(trail.indexOf(name)), name].join(' > '));
      return;
    }
    if (done.has(name)) return;
    done.add(name);
    for (const next of imports.get(name) ?? []) walk(next, [...trail, name]);
  };
  for (const name of imports.keys()) walk(name, []);
  expect(cycles).toEqual([]);
});

test('every package that lib imports is a dependency of the package, and every dependency is imported', () => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const imported = files
    .flatMap((file) => file.imports)
    .filter((specifier) => !isRelative(specifier) && !specifier.startsWith('node:'))
    .map((specifier) => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/'));
  expect([...new Set(imported)].sort()).toEqual(Object.keys(manifest.dependencies).sort());
});

test('built-in modules are imported with their node: prefix', () => {
  const wrong = files.flatMap((file) =>
    file.imports.filter((name) => builtinModules.includes(name)).map((name) => `${file.name} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('only the document files import yjs', () => {
  const users = files.filter((file) => file.imports.some((name) => name === 'yjs' || name.startsWith('yjs/')));
  expect(users.map((file) => file.name)).toEqual(['core/apply.ts', 'core/document-state.ts', 'core/document.ts', 'core/dropped-maps.ts', 'core/entry-content.ts', 'core/removals.ts']);
});

test('the core imports nothing from Node.js', () => {
  const isBuiltin = (name: string): boolean => name.startsWith('node:') || builtinModules.includes(name);
  const wrong = core.flatMap((file) => file.imports.filter(isBuiltin).map((name) => `${file.name} imports ${name}`));
  expect(wrong).toEqual([]);
});

test('the core has no clock, no chance, no timer and no way out', () => {
  const impure = new Set([
    ...['Date', 'performance', 'process', 'console', 'globalThis', 'crypto', 'require', 'fetch', 'Math.random'],
    ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'clearTimeout', 'clearInterval'],
  ]);
  const wrong = core.flatMap((file) =>
    [...names(file)].filter((name) => impure.has(name)).map((name) => `${file.name} uses ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('the core does not wait: no async function, no await, no promise', () => {
  const wrong = core.filter((file) => ['Promise', 'async', 'await'].some((name) => names(file).has(name)));
  expect(wrong.map((file) => file.name)).toEqual([]);
});

test(`no file of lib is longer than ${fileLinesMax} lines`, () => {
  const long = files
    .map((file) => ({ name: file.name, lines: file.text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > fileLinesMax);
  expect(long).toEqual([]);
});

test('every file of lib opens with a comment that says what it owns', () => {
  const silent = files.filter((file) => !/^\/(?:\*\*|\/ )/.test(file.text));
  expect(silent.map((file) => file.name)).toEqual([]);
});

test('nothing in lib is left to do', () => {
  const unfinished = files.filter((file) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(file.text));
  expect(unfinished.map((file) => file.name)).toEqual([]);
});

describe('error codes', () => {
  const manual = path.join(root, 'docs', 'errors.md');
  const manualText = existsSync(manual) ? readFileSync(manual, 'utf8') : '';
  const mentions = (text: string, code: string): boolean => new RegExp(`\\b${code}\\b`).test(text);

  test('each is used in lib', () => {
    const users = files.filter((file) => file.name !== 'errors.ts');
    expect(errorCodes().filter((code) => !users.some((file) => mentions(file.text, code)))).toEqual([]);
  });

  test('each has a heading, a row or an item in docs/errors.md', () => {
    const entries = manualText.split('\n').filter((line) => /^(?:#|\||[-*] )/.test(line));
    expect(errorCodes().filter((code) => !entries.some((line) => mentions(line, code)))).toEqual([]);
  });

  test('docs/errors.md names no code that does not exist', () => {
    const named = manualText.match(/\bERR_CLUSTER_CACHE_[A-Z_]*[A-Z]\b/g) ?? [];
    expect(named.filter((code) => !errorCodes().includes(code))).toEqual([]);
  });
});
