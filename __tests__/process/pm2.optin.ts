/**
 * Instances in the cluster mode of PM2 share a cache. Opt-in, since PM2 is no dependency:
 *
 *     npm install --prefix /tmp/pm2 pm2@7.0.4
 *     CLUSTER_CACHE_PM2=/tmp/pm2 npx jest --testMatch '<rootDir>/__tests__/process/pm2.optin.ts'
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { addCleanup, newDirectory, openAll, readFile, startFork, until, type Member } from './harness';

const folder = process.env['CLUSTER_CACHE_PM2'];
if (folder === undefined) throw new Error('CLUSTER_CACHE_PM2 must name a folder in which pm2 is installed.');
const bin = join(folder, 'node_modules', 'pm2', 'bin', 'pm2');
const app = join(__dirname, 'fixtures', 'pm2-app.js');

interface Instance {
  readonly pid: number;
  readonly to: string;
}

/** Asks all instances through the cache; they are that many. */
async function ask(observer: Member, question: string, count: number): Promise<Instance[]> {
  await observer.ask('set', 'ask', question);
  let instances: Instance[] = [];
  await until(`${count} answers to "${question}"`, async () => {
    instances = Object.values(((await observer.ask('get', 'answer')) ?? {}) as Record<string, Instance>);
    return instances.filter(({ to }) => to === question).length === count;
  });
  return instances;
}

test('four instances in cluster mode share a cache, survive a kill and a reload, and find their data', async () => {
  const path = newDirectory();
  // Not the directory of the cache: PM2 leaves its own files there.
  const home = newDirectory();
  const env = { ...process.env, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true', CACHE_PATH: path };
  const pm2 = (...args: string[]): Promise<unknown> => promisify(execFile)(process.execPath, [bin, ...args], { env, cwd: home });
  addCleanup(() => pm2('kill'));
  const observer = startFork();
  await openAll([observer], path);

  await pm2('start', app, '--name', 'app', '-i', '4');
  const first = await ask(observer, 'first', 4);
  expect(new Set(first.map(({ pid }) => pid)).size).toBe(4);

  process.kill(first[0]!.pid, 'SIGKILL');
  await until('it is told', () => observer.heard('peer').some((event) => (event as { type: string }).type === 'left'));
  // PM2 has started another in its place.
  await until('the replacement', async () => {
    const answers = Object.values((await observer.ask('get', 'answer')) as Record<string, Instance>);
    return answers.every(({ pid }) => pid !== first[0]!.pid);
  });
  const second = await ask(observer, 'second', 4);

  await pm2('reload', 'app');
  const third = await ask(observer, 'third', 4);
  const old = new Set([...first, ...second].map(({ pid }) => pid));
  expect(third.filter(({ pid }) => old.has(pid))).toEqual([]);

  await observer.ask('flush');
  await pm2('kill');
  await observer.ask('close');
  expect(observer.heard('error')).toEqual([]);
  expect(await readFile(path, 'ask')).toBe('third');
});
