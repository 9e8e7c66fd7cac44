'use strict';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/lib', '<rootDir>/__tests__'],
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/fixtures/'],
  // Files are only stripped of their types here; `npm run lint` checks the types of all of them.
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.test.json' }] },
  globalSetup: '<rootDir>/scripts/jest-setup.js',
  testTimeout: 30_000,
  // Two test files at a time, each of which may start a dozen processes of its own.
  maxWorkers: 2,
};
