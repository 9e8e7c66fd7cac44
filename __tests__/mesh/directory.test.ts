import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { endpointPath, listEndpoints, privateDirectory, socketDirectory } from '../../lib/mesh/directory';
import { Cleanup } from './meshes';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const isRoot = process.getuid?.() === 0;
const mode = (path: string): number => lstatSync(path).mode & 0o777;
const refused = (reason: RegExp): Error =>
  expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_DIRECTORY', message: expect.stringMatching(reason) as unknown }) as Error;

async function derived(dataDirectory: string): Promise<string> {
  const directory = await socketDirectory(dataDirectory);
  cleanup.add(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

test('the directory and its parent are made for this user alone', async () => {
  const directory = await derived(cleanup.directory());
  expect(mode(directory)).toBe(0o700);
  expect(mode(join(directory, '..'))).toBe(0o700);
  expect(directory).toContain(`cluster-cache-${process.getuid?.() ?? 'user'}`);
});

test('one application has one directory, however its data directory is spelled', async () => {
  const base = cleanup.directory();
  const data = join(base, 'data');
  mkdirSync(data);
  symlinkSync(data, join(base, 'link'));
  const directory = await derived(data);
  expect(await derived(join(base, 'link'))).toBe(directory);
  expect(await derived(relative(process.cwd(), data))).toBe(directory);
  expect(await derived(join(base, 'other'))).not.toBe(directory);
});

test('the directory is the same before and after the data directory exists', async () => {
  const base = cleanup.directory();
  mkdirSync(join(base, 'real'));
  symlinkSync(join(base, 'real'), join(base, 'link'));
  const before = await derived(join(base, 'link', 'deep', 'data'));
  mkdirSync(join(base, 'real', 'deep', 'data'), { recursive: true });
  expect(await derived(join(base, 'link', 'deep', 'data'))).toBe(before);
});

test('no environment variable parts the processes of one user', async () => {
  const data = cleanup.directory();
  const directory = await derived(data);
  const script = `
    const { socketDirectory } = require(${JSON.stringify(join(__dirname, '../../dist/mesh/directory.js'))});
    socketDirectory(${JSON.stringify(data)}).then(console.log);`;
  const elsewhere = cleanup.directory();
  const env = { ...process.env, TMPDIR: elsewhere, XDG_RUNTIME_DIR: elsewhere };
  const run = spawnSync(process.execPath, ['-e', script], { env, encoding: 'utf8' });
  expect([run.stdout.trim(), run.stderr]).toEqual([directory, '']);
});

test('an override is used as it is, whatever the data directory', async () => {
  const override = join(cleanup.directory(), 'a', 'b');
  expect(await socketDirectory('/data/one', override)).toBe(realpathSync(override));
  expect(await socketDirectory('/data/two', override)).toBe(realpathSync(override));
  expect(mode(override)).toBe(0o700);
});

test('a symbolic link is refused', async () => {
  const base = cleanup.directory();
  mkdirSync(join(base, 'real'), { mode: 0o700 });
  symlinkSync(join(base, 'real'), join(base, 'link'));
  await expect(privateDirectory(join(base, 'link'))).rejects.toThrow(refused(/symbolic link/));
});

test('a file is refused', async () => {
  const path = join(cleanup.directory(), 'file');
  writeFileSync(path, '');
  await expect(privateDirectory(path)).rejects.toThrow(refused(/not a directory/));
  await expect(privateDirectory(join(path, 'below'))).rejects.toThrow(refused(/ENOTDIR/));
});

test.each([0o750, 0o705, 0o710, 0o701])('a directory that others may enter is refused and left as it is', async (bits) => {
  const path = join(cleanup.directory(), 'open');
  mkdirSync(path);
  chmodSync(path, bits);
  await expect(privateDirectory(path)).rejects.toThrow(refused(new RegExp(`mode ${bits.toString(8)}`)));
  expect(mode(path)).toBe(bits);
});

(isRoot ? test : test.skip)("somebody else's directory is refused", async () => {
  const path = join(cleanup.directory(), 'foreign');
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, 65534, 65534);
  await expect(privateDirectory(path)).rejects.toThrow(refused(/belongs to user 65534/));
});

test('a directory that its owner may not use is refused and left as it is', async () => {
  const path = join(cleanup.directory(), 'shut');
  mkdirSync(path);
  chmodSync(path, 0o400);
  await expect(privateDirectory(path)).rejects.toThrow(refused(/mode 400/));
  expect(mode(path)).toBe(0o400);
});

test.each(['0', '0777', '027'])('the umask %s does not matter', (mask) => {
  const base = cleanup.directory();
  const script = `
    const { privateDirectory } = require(${JSON.stringify(join(__dirname, '../../dist/mesh/directory.js'))});
    process.umask(${mask.replace(/^0(?=.)/, '0o')});
    privateDirectory(${JSON.stringify(join(base, 'a', 'b'))}).then(console.log);`;
  if (isRoot) chmodSync(base, 0o777);
  // A process of an ordinary user: root would get into a directory of mode 0 all the same.
  const user = isRoot ? { uid: 65534, gid: 65534 } : {};
  const run = spawnSync(process.execPath, ['-e', script], { ...user, cwd: '/', encoding: 'utf8' });
  expect(run.stderr).toBe('');
  expect(run.stdout.trim()).toBe(realpathSync(join(base, 'a', 'b')));
  expect([mode(join(base, 'a')), mode(join(base, 'a', 'b'))]).toEqual([0o700, 0o700]);
});

test('several processes may make the directory at the same time', async () => {
  const path = join(cleanup.directory(), 'a', 'b', 'c');
  await Promise.all(Array.from({ length: 20 }, () => privateDirectory(path)));
  expect(mode(path)).toBe(0o700);
});

test('a path that a system would cut is refused with advice', () => {
  const fits = `/${'d'.repeat(95)}`;
  expect(Buffer.byteLength(endpointPath(fits, 'a'))).toBe(103);
  expect(() => endpointPath(`${fits}d`, 'a')).toThrow(
    expect.objectContaining({
      code: 'ERR_CLUSTER_CACHE_SOCKET',
      message: expect.stringMatching(/104 bytes.*socketDirectory/) as unknown,
    }),
  );
  expect(() => endpointPath(`/${'ä'.repeat(60)}`, 'a')).toThrow('socketDirectory');
});

test('only names that can be ids are endpoints', async () => {
  const directory = cleanup.directory();
  for (const name of ['abc.sock', 'UPPER.sock', 'x.txt', '.sock', 'a b.sock', `${'x'.repeat(33)}.sock`]) {
    writeFileSync(join(directory, name), '');
  }
  expect(await listEndpoints(directory)).toEqual(['abc']);
});
