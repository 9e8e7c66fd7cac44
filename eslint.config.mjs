/**
 * Lint rules: strict typed rules for lib/ and __tests__/, plain ones for scripts, demo and fixtures.
 *
 * lib/core is pure, so whatever would bring in time, chance, input or output from outside is refused
 * there. The order of the layers is checked by __tests__/architecture.test.ts.
 */
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const typescript = ['lib/**/*.ts', '__tests__/**/*.ts'];

/** The globals of Node.js that plain scripts here may use; typed files leave this to the compiler. */
const nodeGlobals = Object.fromEntries(
  [
    'AbortController', 'AbortSignal', 'Buffer', 'URL', 'clearImmediate', 'clearInterval', 'clearTimeout', 'console',
    'fetch', 'performance', 'process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout',
    'structuredClone', 'TextDecoder', 'TextEncoder',
  ].map((name) => [name, 'readonly']),
);

const everywhere = {
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
};

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration, ExportSpecifier[exported.name="default"]',
  message: 'Export by name: a default export differs between CommonJS and ESM.',
};
const noEnum = { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' };

const noYjs = {
  group: ['yjs', 'yjs/*'],
  message: 'Only the document files of lib/core know Yjs.',
};
const noNode = {
  regex: '^(node:|(assert|buffer|child_process|cluster|crypto|events|fs|http|net|os|path|stream|timers|util|v8|worker_threads|zlib)(/|$))',
  message: 'lib/core is pure: what it needs comes in from outside.',
};
const fromOutside = 'lib/core is pure: time, ids and effects come in from outside.';

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', '.build/', 'coverage/', '**/fixtures/package/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  {
    files: typescript,
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: ['./tsconfig.test.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      ...everywhere,
      'no-restricted-syntax': ['error', noDefaultExport, noEnum],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `type` for unions and `interface` for shapes reads well, and so does the other way round.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // With noUncheckedIndexedAccess, `!` says that an index is known to be in range.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A number in a message is what it looks like.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `() => emitter.emit(…)` is the usual spelling of a callback whose result nobody asks for.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `??` is not `||` where an empty string counts as missing; that choice is the author's.
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'no-console': 'error',
      // Loaded where it is asked, since it may throw under an ESM entry.
      '@typescript-eslint/no-require-imports': ['error', { allow: ['^manager-process$'] }],
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noYjs] }],
    },
  },
  {
    files: ['lib/core/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          'Date', 'performance', 'process', 'crypto', 'fetch', 'global', 'globalThis', 'console', 'require',
          'setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate',
          'queueMicrotask',
        ].map((name) => ({ name, message: fromOutside })),
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: fromOutside }],
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noYjs, noNode] }],
    },
  },
  {
    files: ['lib/core/document.ts', 'lib/core/document-state.ts', 'lib/core/dropped-maps.ts', 'lib/core/entry-content.ts', 'lib/core/removals.ts', 'lib/core/apply.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noNode] }] },
  },
  {
    files: ['lib/core/entry-content.ts'],
    rules: {
      // The declarations of Yjs do not say that `ContentAny` is a content as any.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['lib/cache.ts'],
    rules: {
      // `get<T = any>` is the user's to type, as JSON.parse is.
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['__tests__/**/*.ts'],
    rules: {
      // Tests use small objects and functions of all kinds on purpose.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Jest's asymmetric matchers are typed as `any`.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },

  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: { ecmaVersion: 2023, globals: nodeGlobals },
    rules: { ...everywhere, 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }] },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { __dirname: 'readonly', __filename: 'readonly' } },
  },
);
