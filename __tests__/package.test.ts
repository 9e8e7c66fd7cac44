/**
 * Packs the library and uses the package as its users do: what is in it, how it resolves, whether its
 * types hold without `skipLibCheck`, and whether `require` and `import` give the same classes.
 */
import { execFileSync } from 'node:child_process';
import type { ExecFileSyncOptions } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import * as ts from 'typescript';

const root = path.join(__dirname, '..');
const fixtures = path.join(__dirname, 'fixtures', 'package');

/** Runs a command to its end and gives its standard output; what it printed is in the error if it fails. */
function run(command: string, args: readonly string[], options: ExecFileSyncOptions = {}): string {
  try {
    return execFileSync(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options, encoding: 'utf8' });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error([`${command} ${args.join(' ')} failed`, stdout, stderr].join('\n'), { cause: error });
  }
}

const runBin = (name: string, args: readonly string[], options?: ExecFileSyncOptions): string =>
  run(process.execPath, [path.join(root, 'node_modules', name), ...args], options);

describe('the package', () => {
  let workspace: string;
  let tarball: string;
  /** Where the tarball is unpacked, among links to its dependencies. */
  let installed: string;

  beforeAll(() => {
    workspace = mkdtempSync(path.join(tmpdir(), 'cluster-cache-package-'));
    // Without its scripts: the build is there, and must not be replaced while other tests load it.
    run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', workspace]);
    const packed = readdirSync(workspace).find((name) => name.endsWith('.tgz'));
    if (packed === undefined) throw new Error('npm pack left no tarball');
    tarball = path.join(workspace, packed);

    run('tar', ['-xzf', tarball, '-C', workspace]);
    const modules = path.join(workspace, 'node_modules');
    installed = path.join(modules, 'cluster-cache');
    mkdirSync(modules);
    cpSync(path.join(workspace, 'package'), installed, { recursive: true });
    for (const name of dependencies()) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
    // Every TypeScript user of a library for Node.js has these.
    mkdirSync(path.join(modules, '@types'));
    symlinkSync(path.join(root, 'node_modules', '@types', 'node'), path.join(modules, '@types', 'node'));
  }, 60_000);

  afterAll(() => {
    rmSync(workspace, { recursive: true, force: true });
  });

  /** What npm would install with the package. */
  function dependencies(): string[] {
    const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    return Object.keys(manifest.dependencies);
  }

  test('holds the build, the licence, the change log and the manual, and nothing else', () => {
    const names = readdirSync(installed);
    expect(names.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json']);
    for (const name of ['index.js', 'index.d.ts', 'index.mjs', 'index.d.mts']) {
      expect(existsSync(path.join(installed, 'dist', name))).toBe(true);
    }
  });

  test('is right in the eyes of publint', () => {
    runBin('publint/src/cli.js', [tarball, '--strict']);
  }, 60_000);

  test('has types that resolve in every mode, in the eyes of attw', () => {
    runBin('@arethetypeswrong/cli/dist/index.js', [tarball, '--no-definitely-typed', '--no-color', '--format', 'ascii']);
  }, 60_000);

  test('has public types that need no types of another package but those of Node.js', () => {
    const strangers: string[] = [];
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
      for (const { fileName } of [...importedFiles, ...typeReferenceDirectives]) {
        if (fileName.startsWith('.')) visit(`${path.join(path.dirname(file), fileName.replace(/\.js$/, ''))}.d.ts`);
        else if (fileName !== 'node' && !fileName.startsWith('node:')) strangers.push(`${file}: ${fileName}`);
      }
    };
    visit(path.join(installed, 'dist', 'index.d.ts'));
    expect(strangers).toEqual([]);
  });

  test('exports the same names to require and to import, and the classes among them', () => {
    const script = `
      const required = require('cluster-cache');
      import('cluster-cache').then((imported) => console.log(JSON.stringify([
        Object.keys(required).sort(),
        Object.keys(imported).sort(),
        Object.keys(imported).every((name) => imported[name] === required[name]),
      ])));`;
    const [required, imported, isSame] = JSON.parse(run(process.execPath, ['-e', script], { cwd: workspace })) as unknown[];
    expect(imported).toEqual(required);
    expect(required).toEqual(expect.arrayContaining(['Cache', 'CacheError']));
    expect(isSame).toBe(true);
  });

  test('compiles strictly and runs for users of CommonJS and of ESM, with the same classes for both', () => {
    const consumer = path.join(workspace, 'consumer');
    cpSync(fixtures, consumer, { recursive: true });
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      module: 'node20',
      target: 'ES2022',
      // A server has no DOM, and the types must not ask for one.
      lib: ['ES2022'],
      types: ['node'],
    };
    writeFileSync(path.join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    runBin('typescript/bin/tsc', ['-p', consumer]);
    for (const name of ['consumer.cjs', 'consumer.mjs']) {
      const output = run(process.execPath, [path.join(consumer, name)], { cwd: consumer });
      expect(JSON.parse(output)).toEqual({ cache: true, error: true });
    }
  }, 60_000);
});
