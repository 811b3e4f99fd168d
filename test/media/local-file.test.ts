import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { localPath, openLocalFile } from '../../src/media/local-file.ts';
import { probe } from '../../src/media/probe.ts';
import { Materials, tone } from './materials.ts';

/** Runs between the check of a path and its opening, once. */
const between = vi.hoisted(() => ({ act: undefined as (() => void) | undefined, opened: 0 }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    open: (...args: Parameters<typeof real.open>) => {
      between.opened += 1;
      between.act?.();
      between.act = undefined;
      return real.open(...args);
    },
  };
});

let root: string;
let home: string;
let media: string;
let socket: Server;
const content = Buffer.from('some bytes of a file');
const at = (...parts: string[]) => join(home, ...parts);
const address = (...parts: string[]) => pathToFileURL(at(...parts)).href;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'local-file-')));
  home = join(root, 'home');
  media = join(root, '.media');
  for (const directory of [media, at('videos'), at('.ssh'), at('videos', '.cache'), join(root, 'outside')])
    mkdirSync(directory, { recursive: true });
  for (const file of [
    at('clip.mp4'),
    at('a b#c?d%2fe.mp4'),
    at('videos', 'clip.mp4'),
    at('.hidden.mp4'),
    at('.ssh', 'key.mp4'),
    at('videos', '.cache', 'clip.mp4'),
    join(root, 'outside', 'clip.mp4'),
    join(media, 'clip.mp4'),
  ])
    writeFileSync(file, content);
  symlinkSync(join(root, 'outside', 'clip.mp4'), at('link-out.mp4'));
  symlinkSync(join(root, 'outside'), at('directory-out'));
  symlinkSync(at('.ssh', 'key.mp4'), at('link-hidden.mp4'));
  symlinkSync(at('videos', 'clip.mp4'), at('link-in.mp4'));
  symlinkSync(at('link-loop.mp4'), at('link-loop.mp4'));
  symlinkSync('/dev/zero', at('device.mp4'));
  execFileSync('mkfifo', [at('pipe.mp4')]);
  socket = createServer();
  await new Promise<void>((done) => socket.listen(at('socket.mp4'), done));
});
afterAll(async () => {
  await new Promise((done) => socket.close(done));
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  between.opened = 0;
});

async function refusal(value: string, allowed: readonly string[] = [home]): Promise<Failure> {
  try {
    await (await openLocalFile(value, allowed)).close();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`${value} was opened`);
}

describe('a local path', () => {
  it('is an absolute path or a file address of this machine', () => {
    expect(localPath('/tmp/a.mp4')).toBe('/tmp/a.mp4');
    expect(localPath('/tmp/x/../a.mp4')).toBe('/tmp/a.mp4');
    expect(localPath('file:///tmp/a%20b%23.mp4')).toBe('/tmp/a b#.mp4');
    expect(localPath('FILE://localhost/tmp/a.mp4')).toBe('/tmp/a.mp4');
    expect(localPath(address('a b#c?d%2fe.mp4'))).toBe(at('a b#c?d%2fe.mp4'));
  });

  it.each([
    'https://example.com/tmp/a.mp4',
    'oss://a/b.mp4',
    'a.mp4',
    './a.mp4',
    '~/a.mp4',
    '',
    'file:a.mp4',
    'file:/tmp/a.mp4',
    'file://',
    'file://example.com/tmp/a.mp4',
    'file://127.0.0.1/tmp/a.mp4',
    'file:////%2e%2e%2fetc/passwd',
    'file:///tmp%2Fa.mp4',
    'file:///tmp%5ca.mp4',
    'file:///tmp/a.mp4%00.jpg',
    'file:///tmp/a.mp4?part=2',
    'file:///tmp/a.mp4#part',
    '/tmp/a.mp4\0.jpg',
    'data:video/mp4;base64,AAAA',
  ])('is not %j', (value) => {
    expect(localPath(value)).toBeUndefined();
  });
});

describe('what may be read', () => {
  it.each([
    ['a path', () => at('clip.mp4')],
    ['an address', () => address('videos', 'clip.mp4')],
    ['a name with signs', () => at('a b#c?d%2fe.mp4')],
    ['a link that stays inside', () => at('link-in.mp4')],
    ['dots that stay inside', () => `${home}/videos/../clip.mp4`],
  ])('%s inside an allowed directory', async (_, value) => {
    const file = await openLocalFile(value(), [home]);
    expect(file).toMatchObject({ bytes: content.length, path: await realpath(file.path) });
    expect(await file.sha256()).toBe(createHash('sha256').update(content).digest('hex'));
    expect(Buffer.concat(await file.stream().toArray())).toEqual(content);
    expect(Buffer.from(await file.source.read(5, 5))).toEqual(content.subarray(5, 10));
    expect(between.opened).toBe(1);
    await file.close();
    await file.close();
  });

  it('a hidden directory that was named, and a directory named by a link', async () => {
    const hidden = await openLocalFile(join(media, 'clip.mp4'), [home, media]);
    expect(hidden.name).toBe('clip.mp4');
    await hidden.close();
    const linked = await openLocalFile(at('directory-out', 'clip.mp4'), [at('directory-out')]);
    expect(linked.path).toBe(join(root, 'outside', 'clip.mp4'));
    await linked.close();
  });

  it('is what the probe judges: a key that is named like a picture is none', async () => {
    const materials = await Materials.open();
    try {
      await materials.make('tone.wav', ...tone(1));
      await materials.write('key.jpg', '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n');
      const sound = await openLocalFile(materials.path('tone.wav'), [materials.folder]);
      expect(await probe(sound.source)).toMatchObject({ format: 'wav', seconds: 1 });
      await sound.close();
      const key = await openLocalFile(materials.path('key.jpg'), [materials.folder]);
      await expect(probe(key.source)).rejects.toMatchObject({ kind: 'media' });
      await key.close();
    } finally {
      await materials.close();
    }
  });
});

/** Attack, value, kind of the refusal. */
const attacks: ReadonlyArray<readonly [string, () => string, string]> = [
  ['a path outside', () => join(root, 'outside', 'clip.mp4'), 'permission'],
  ['traversal', () => `${home}/../outside/clip.mp4`, 'permission'],
  ['traversal through a directory', () => `${home}/videos/../../outside/clip.mp4`, 'permission'],
  ['encoded traversal', () => `file://${home}/%2e%2e/outside/clip.mp4`, 'permission'],
  ['traversal with encoded slashes', () => `file://${home}/..%2foutside%2fclip.mp4`, 'permission'],
  ['traversal with encoded backslashes', () => `file://${home}/..%5coutside%5cclip.mp4`, 'permission'],
  ['a directory whose name begins alike', () => `${home}-other/clip.mp4`, 'permission'],
  ['a link out', () => at('link-out.mp4'), 'permission'],
  ['a directory that is a link out', () => at('directory-out', 'clip.mp4'), 'permission'],
  ['a link to a hidden file', () => at('link-hidden.mp4'), 'permission'],
  ['a hidden file', () => at('.hidden.mp4'), 'permission'],
  ['a file in a hidden directory', () => at('.ssh', 'key.mp4'), 'permission'],
  ['a file in a hidden directory further down', () => at('videos', '.cache', 'clip.mp4'), 'permission'],
  ['a hidden file that does not exist', () => at('.ssh', 'none.mp4'), 'permission'],
  ['a file outside that does not exist', () => join(root, 'outside', 'none.mp4'), 'permission'],
  ['a device by a link', () => at('device.mp4'), 'permission'],
  ['a device', () => '/dev/zero', 'permission'],
  ['the memory of this process', () => '/proc/self/environ', 'permission'],
  ['a host', () => `file://example.com${home}/clip.mp4`, 'permission'],
  ['a share of another machine', () => '\\\\example.com\\share\\clip.mp4', 'permission'],
  ['a NUL byte', () => `${home}/clip.mp4\0.jpg`, 'permission'],
  ['an encoded NUL byte', () => `file://${home}/clip.mp4%00.jpg`, 'permission'],
  ['a relative path', () => 'clip.mp4', 'permission'],
  ['a web address', () => 'https://example.com/clip.mp4', 'permission'],
  ['the allowed directory itself', () => home, 'permission'],
  ['a directory', () => at('videos'), 'storage'],
  ['a pipe', () => at('pipe.mp4'), 'storage'],
  ['a socket', () => at('socket.mp4'), 'storage'],
  ['a loop of links', () => at('link-loop.mp4'), 'storage'],
  ['a file as a directory', () => at('clip.mp4', 'clip.mp4'), 'storage'],
  ['a name that is too long', () => at(`${'a'.repeat(300)}.mp4`), 'storage'],
  ['a path that is too long', () => at(`${'a/'.repeat(3000)}clip.mp4`), 'storage'],
  ['a missing file', () => at('none.mp4'), 'storage'],
];

describe('what may not be read', () => {
  it('is counted', () => {
    expect(attacks).toHaveLength(33);
  });

  it.each(attacks)('%s', async (_, value, kind) => {
    const failure = await refusal(value());
    expect(failure.kind, failure.message).toBe(kind);
    expect(failure.advice).not.toBe('');
    // Nothing was even opened: opening a device or a pipe can already do harm.
    expect(between.opened).toBe(0);
  });

  it('devices and pipes, also where their directory is allowed', async () => {
    expect((await refusal('/dev/zero', ['/dev'])).kind).toBe('storage');
    expect((await refusal(at('pipe.mp4'), [home])).message).toContain('not a regular file');
    expect(between.opened).toBe(0);
  });

  it('anything at all, where no directory is allowed or none of them exists', async () => {
    expect((await refusal(at('clip.mp4'), [])).message).toContain('no directory may be read here');
    expect((await refusal(at('clip.mp4'), [join(root, 'no-such-directory')])).kind).toBe('permission');
  });

  it('says the same of files outside, whether they exist or not', async () => {
    const [one, other] = [
      await refusal(join(root, 'outside', 'clip.mp4')),
      await refusal(join(root, 'outside', 'nope.mp4')),
    ];
    expect(one.message.replace('clip', 'nope')).toBe(other.message);
  });

  it('shows a stranger’s name on one line, and no signature', async () => {
    expect((await refusal('/tmp/a\n\u202egpj.mp4')).message).toContain('"/tmp/a gpj.mp4"');
    const failure = await refusal('https://example.com/a.mp4?X-Amz-Signature=abc');
    expect(JSON.stringify([failure.message, failure.advice])).not.toContain('abc');
  });
});

describe('a path that is swapped between check and open', () => {
  const swaps: ReadonlyArray<readonly [string, () => string, (path: string) => void]> = [
    [
      'for a link to a file outside',
      () => at('swap', 'one.mp4'),
      (path) => {
        rmSync(path);
        symlinkSync(join(root, 'outside', 'clip.mp4'), path);
      },
    ],
    [
      'for another file',
      () => at('swap', 'one.mp4'),
      (path) => {
        writeFileSync(`${path}.new`, 'other');
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'for a pipe',
      () => at('swap', 'one.mp4'),
      (path) => {
        rmSync(path);
        execFileSync('mkfifo', [path]);
      },
    ],
    [
      'by its directory, for a link to one outside',
      () => at('swap', 'one.mp4'),
      () => {
        renameSync(at('swap'), at('swapped'));
        symlinkSync(join(root, 'outside'), at('swap'));
      },
    ],
    [
      'by its directory, for a link to where it went',
      () => at('swap', 'one.mp4'),
      () => {
        renameSync(at('swap'), join(root, 'outside', 'moved'));
        symlinkSync(join(root, 'outside', 'moved'), at('swap'));
      },
    ],
  ];

  beforeEach(() => {
    for (const left of [at('swap'), at('swapped'), join(root, 'outside', 'moved')])
      rmSync(left, { recursive: true, force: true });
    mkdirSync(at('swap'));
    writeFileSync(at('swap', 'one.mp4'), content);
    writeFileSync(join(root, 'outside', 'one.mp4'), 'a secret');
  });

  it.each(swaps)('%s is refused', async (_, value, swap) => {
    between.act = () => swap(value());
    const failure = await refusal(value());
    expect(failure.kind, failure.message).toMatch(/^(permission|storage)$/);
    expect(between).toMatchObject({ opened: 1, act: undefined });
  });
});

describe('a file that changes after it was opened', () => {
  it.each([
    ['grows', (path: string) => appendFileSync(path, 'more')],
    ['shrinks', (path: string) => writeFileSync(path, 'less')],
    ['is written over', (path: string) => writeFileSync(path, Buffer.alloc(content.length, 7))],
  ])('and %s is never given to its end', async (_, change) => {
    const path = at('changing.mp4');
    writeFileSync(path, content);
    // Clocks of file systems are coarse: a change within the same tick would leave the same time.
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    const file = await openLocalFile(path, [home]);
    change(path);
    let given = 0;
    const reading = async () => {
      for await (const chunk of file.stream()) given += (chunk as Buffer).length;
    };
    await expect(reading()).rejects.toMatchObject({ kind: 'storage' });
    expect(given).toBeLessThan(content.length);
    await expect(file.sha256()).rejects.toMatchObject({ kind: 'storage' });
    await file.close();
  });
});
