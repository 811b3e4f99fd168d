import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Failure, quoted } from '../core/failure.ts';
import { type RangedSource, sourceOf } from './ranged-source.ts';

export interface LocalFile {
  /** Where it really is: no symbolic link is left in it. */
  readonly path: string;
  /** The last part of the path: a stranger's text. */
  readonly name: string;
  readonly bytes: number;
  /** Epoch milliseconds. */
  readonly modifiedMs: number;
}

/** A file that was checked and is held open: everything below reads what was checked. */
export interface OpenLocalFile extends LocalFile {
  readonly source: RangedSource;
  /** All of it, from its start. Breaks off before the end when the file changed since it was opened. */
  stream(): Readable;
  /** SHA-256 in hexadecimal digits, read once. */
  sha256(): Promise<string>;
  /** May be called twice. */
  close(): Promise<void>;
}

const chunkBytes = 128 * 1024;
const longestPath = 4096;

const setDirectories =
  'Move the file into a directory that may be read, or name its directory in DIGITAL_HUMAN_MEDIA_DIRS.';

function forbidden(value: string, why: string, advice = setDirectories): Failure {
  return new Failure({
    kind: 'permission',
    message: `The file ${quoted(value, 200)} ${why}. It was not read.`,
    advice,
  });
}

function unusable(value: string, why: string, cause?: unknown): Failure {
  return new Failure({
    kind: 'storage',
    message: `The file ${quoted(value, 200)} ${why}.`,
    advice: 'Check the path, and that this server may read the file.',
    cause,
  });
}

/**
 * The absolute path that a value names: a `file:///` address (no host but an empty one or localhost) or an
 * absolute path of this platform. Undefined for everything else: web addresses, relative paths, shares of
 * other machines, and addresses that hide a separator or a NUL in their encoding.
 */
export function localPath(value: string): string | undefined {
  let path = value;
  if (/^file:/i.test(value)) {
    if (!/^file:\/\/(localhost)?\//i.test(value) || !URL.canParse(value)) return undefined;
    const url = new URL(value);
    // A file name may hold these, but then they must be encoded: else a part of the name would be lost.
    if (url.host !== '' || url.search !== '' || url.hash !== '' || /%(2f|5c|00)/i.test(url.pathname))
      return undefined;
    path = fileURLToPath(url);
  }
  if (!isAbsolute(path) || path.includes('\0')) return undefined;
  // On Windows these begin shares of other machines and names of devices.
  if (sep === '\\' && /^[\\/]{2}/.test(path)) return undefined;
  return resolve(path);
}

/** The way from a directory down to a path; undefined when the path is not below it. */
function below(directory: string, path: string): string[] | undefined {
  const way = relative(directory, path);
  const parts = way.split(sep);
  return way === '' || parts[0] === '..' || isAbsolute(way) ? undefined : parts;
}

type Standing = 'inside' | 'hidden' | 'outside';

/** Only what lies below the directory counts as hidden: a hidden directory that was named is meant. */
function standing(path: string, directories: readonly string[]): Standing {
  const ways = directories.map((directory) => below(directory, path)).filter((way) => way !== undefined);
  if (ways.length === 0) return 'outside';
  return ways.some((way) => !way.some((part) => part.startsWith('.'))) ? 'inside' : 'hidden';
}

function refuseUnlessInside(value: string, path: string, directories: readonly string[]): void {
  const where = standing(path, directories);
  if (where === 'outside') throw forbidden(value, 'lies outside the directories that may be read');
  if (where === 'hidden') throw forbidden(value, 'is hidden: a part of its path begins with a dot');
}

/** Directories as they really are; one that does not exist allows nothing. */
async function realDirectories(allowed: readonly string[]): Promise<string[]> {
  const found = await Promise.all(allowed.map((directory) => realpath(directory).catch(() => undefined)));
  return found.filter((directory) => directory !== undefined);
}

async function resolved(value: string, path: string, allowed: readonly string[]): Promise<string> {
  const directories = await realDirectories(allowed);
  const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    // Outside, nobody is told what exists: the answer is the same for a file and for none.
    refuseUnlessInside(value, path, [...directories, ...allowed.map((directory) => resolve(directory))]);
    throw unusable(
      value,
      error.code === 'ENOENT' ? 'does not exist' : `cannot be found (${error.code})`,
      error,
    );
  });
  refuseUnlessInside(value, real, directories);
  return real;
}

function refuseUnlessRegular(value: string, facts: BigIntStats): void {
  if (!facts.isFile()) throw unusable(value, 'is not a regular file');
}

const same = (one: BigIntStats, other: BigIntStats) => one.dev === other.dev && one.ino === other.ino;

/**
 * Holds the open handle against what was resolved, since the path may have been swapped between check and
 * open: the same file must still lie at the same real path. Linux also says what the handle itself is open on.
 */
async function refuseIfSwapped(
  value: string,
  handle: FileHandle,
  before: BigIntStats,
  real: string,
  allowed: readonly string[],
): Promise<BigIntStats> {
  const facts = await handle.stat({ bigint: true });
  const [now, path, own] = await Promise.all([
    lstat(real, { bigint: true }).catch(() => undefined),
    realpath(real).catch(() => undefined),
    readlink(`/proc/self/fd/${handle.fd}`).catch(() => real),
  ]);
  const inside = standing(own, await realDirectories(allowed)) === 'inside';
  if (!same(facts, before) || !now || !same(facts, now) || path !== real || !inside)
    throw forbidden(value, 'was exchanged for another while it was opened', 'Try again with a file at rest.');
  refuseUnlessRegular(value, facts);
  return facts;
}

/** Gives the last bytes only when nothing was written since the file was opened: half a change is no file. */
async function* unchanged(value: string, handle: FileHandle, facts: BigIntStats): AsyncGenerator<Buffer> {
  const size = Number(facts.size);
  for (let at = 0; at < size; ) {
    const wanted = Math.min(chunkBytes, size - at);
    const { bytesRead, buffer } = await handle
      .read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at)
      .catch((error: unknown) => {
        throw unusable(value, 'cannot be read', error);
      });
    at += bytesRead;
    if (at === size || bytesRead === 0) {
      const now = await handle.stat({ bigint: true });
      if (bytesRead === 0 || now.size !== facts.size || now.mtimeNs !== facts.mtimeNs)
        throw unusable(value, 'changed while it was read');
    }
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Opens a file that may be read: a regular one below an allowed directory, with no hidden part on the way.
 * Symbolic links are followed first, and it is the real path that counts.
 *
 * @param value as in `localPath`
 * @param allowed directories; none permits nothing
 * @throws `permission` outside the directories, hidden, exchanged while it was opened, or no path at all;
 *   `storage` when it is missing, unreadable or not a regular file
 */
export async function openLocalFile(value: string, allowed: readonly string[]): Promise<OpenLocalFile> {
  const path = localPath(value);
  if (path === undefined)
    throw forbidden(
      // Whatever this is, its query may hold a signature.
      value.replace(/\?.*$/s, '?…'),
      'is no file of this machine',
      'Use an absolute path or a file:/// address of one.',
    );
  if (allowed.length === 0) throw forbidden(value, 'is local, and no directory may be read here');
  if (path.length > longestPath) throw unusable(value, `has a path of more than ${longestPath} characters`);
  const real = await resolved(value, path, allowed);
  const before = await lstat(real, { bigint: true }).catch((error: unknown) => {
    throw unusable(value, 'cannot be found', error);
  });
  // Before opening: to open a device can already do something.
  refuseUnlessRegular(value, before);
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
  const handle = await open(real, flags).catch((error: NodeJS.ErrnoException) => {
    throw unusable(value, `cannot be opened (${error.code ?? 'no reason given'})`, error);
  });
  try {
    const facts = await refuseIfSwapped(value, handle, before, real, allowed);
    let digest: Promise<string> | undefined;
    const file: OpenLocalFile = {
      path: real,
      name: basename(real),
      bytes: Number(facts.size),
      modifiedMs: Number(facts.mtimeMs),
      source: sourceOf(handle, real, { size: Number(facts.size), mtimeMs: Number(facts.mtimeMs) }),
      stream: () => Readable.from(unchanged(value, handle, facts), { objectMode: false }),
      sha256: () => (digest ??= hashed(unchanged(value, handle, facts))),
      close: () => handle.close(),
    };
    return file;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function hashed(chunks: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
