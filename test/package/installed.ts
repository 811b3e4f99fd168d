import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import bundled from '@ffmpeg-installer/ffmpeg';
import { root } from '../harness/processes.ts';

const run = promisify(execFile);
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error'];

/** Packs the built package as it would be published. */
export async function pack(folder: string): Promise<{ tarball: string; files: string[] }> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run(npm, args, { cwd: root });
  const [packed] = JSON.parse(stdout) as Array<{ filename: string; files: Array<{ path: string }> }>;
  if (!packed) throw new Error(`npm packed nothing: ${stdout}`);
  return { tarball: join(folder, packed.filename), files: packed.files.map(({ path }) => path) };
}

/** Installs the tarball into an empty folder, and says where the package is. */
export async function install(tarball: string, folder: string, options: readonly string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  await run(npm, ['install', '--prefix', folder, ...quiet, ...options, tarball], { cwd: folder });
  return join(folder, 'node_modules/digital-human-mcp');
}

/** Every file below a folder, with what is in it. */
export async function contentsOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).toSorted();
  const contents: Record<string, string> = {};
  for (const name of names) {
    const file = join(folder, name);
    if ((await stat(file)).isFile())
      contents[name] = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
  }
  return contents;
}

/** Takes from a folder the right to be written to. Returns what gives it back: it could not be removed without. */
export async function makeReadOnly(folder: string): Promise<() => Promise<void>> {
  const all = [folder, ...(await readdir(folder, { recursive: true })).map((name) => join(folder, name))];
  const modes = await Promise.all(all.map(async (each) => (await stat(each)).mode & 0o777));
  for (const [index, each] of all.entries()) await chmod(each, (modes[index] ?? 0) & 0o555);
  return async () => {
    for (const [index, each] of all.entries()) await chmod(each, modes[index] ?? 0o755);
  };
}

/** A Node.js of another release line, from npm's package `node`, put where any user may run it. */
export async function nodeBinary(release: string, folder: string): Promise<string> {
  if (process.versions.node.startsWith(`${release}.`)) return process.execPath;
  const args = ['exec', '--yes', `--package=node@${release}`, '--', 'node', '-p', 'process.execPath'];
  const { stdout } = await run(npm, args, { cwd: folder });
  const copy = join(folder, `node-${release}`);
  await copyFile(stdout.trim(), copy);
  await chmod(copy, 0o755);
  return copy;
}

/**
 * How to start Node.js of that release so that a folder without write permission is one: root may write everywhere,
 * so it becomes nobody first.
 */
export async function nodeCommand(release: string, folder: string): Promise<[string, ...string[]]> {
  const node = await nodeBinary(release, folder);
  if (process.getuid?.() !== 0) return [node];
  return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', node];
}

/** A folder for PATH with ffmpeg in it, as people have it installed. */
export async function ffmpegFolder(folder: string): Promise<string> {
  await mkdir(folder);
  await chmod(bundled.path, 0o755);
  // Copied, not linked: whoever runs it may not look into this checkout.
  await copyFile(bundled.path, join(folder, 'ffmpeg')).catch(() =>
    symlink(bundled.path, join(folder, 'ffmpeg')),
  );
  return folder;
}
