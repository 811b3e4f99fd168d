import { randomFillSync } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileSource } from '../../src/media/ranged-source.ts';
import { h264, Materials, picture, tone } from './materials.ts';

let materials: Materials;
beforeAll(async () => {
  materials = await Materials.open();
  await Promise.all([
    materials.make('end.mp4', ...picture(), ...tone(), ...h264),
    materials.make('start.mp4', ...picture(), ...tone(), ...h264, '-movflags', '+faststart'),
    materials.make('clip.avi', ...picture(), ...tone(), '-c:v', 'mpeg4'),
    materials.make('clip.webm', ...picture(), ...tone(), '-c:v', 'libvpx'),
    materials.make('tone.wav', ...tone()),
    materials.make('tone.mp3', ...tone(), '-c:a', 'libmp3lame'),
    materials.make('tone.wma', ...tone(), '-c:a', 'wmav2'),
    materials.make('tone.ogg', ...tone(), '-c:a', 'libvorbis'),
    materials.make('still.jpg', ...picture('1280x720', 1), '-frames:v', '1'),
    materials.make('still.png', ...picture('1280x720', 1), '-frames:v', '1'),
    materials.make('still.bmp', ...picture('1280x720', 1), '-frames:v', '1'),
    materials.make('still.webp', ...picture('1280x720', 1), '-frames:v', '1'),
  ]);
});
afterAll(() => materials.close());

const whole = [
  'end.mp4',
  'start.mp4',
  'clip.avi',
  'clip.webm',
  'tone.wav',
  'tone.mp3',
  'tone.wma',
  'tone.ogg',
];
const stills = ['still.jpg', 'still.png', 'still.bmp', 'still.webp'];

describe('content that is no media', () => {
  it.each([
    ['nothing at all', '', /empty/],
    ['a web page', '<!doctype html><html><body>Sign in</body></html>', /text/],
    ['an error of an object store', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', /text/],
    ['a playlist', '#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n', /text/],
    ['Chinese text', '数字人'.repeat(3000), /text/],
    ['one byte', '\u0001', /no image/],
  ])('%s', async (_name, content, message) => {
    await materials.write('content.mp4', content);
    await expect(materials.probe('content.mp4')).rejects.toMatchObject({ kind: 'media', message });
  });

  it('random bytes, fifty times, with and without the beginning of an MP3', async () => {
    const bytes = Buffer.alloc(40_000);
    const outcomes: string[] = [];
    for (let seed = 0; seed < 50; seed++) {
      randomFillSync(bytes);
      // A byte that makes text impossible, and in every other file a frame sync.
      bytes.set(seed % 2 ? [0xff, 0xfb, 0x90] : [0x00, 0x01, 0x02]);
      await materials.write('random.mp3', bytes);
      outcomes.push(await materials.outcome('random.mp3'));
    }
    expect(outcomes).toEqual(Array.from({ length: 50 }, () => 'media'));
  });
});

describe('wrong names', () => {
  it.each([
    ['photo.mp4', 'still.png', 'png'],
    ['film.jpg', 'end.mp4', 'mp4'],
    ['sound.mp4', 'tone.mp3', 'mp3'],
    ['sound.mp3', 'tone.wav', 'wav'],
    ['no-name', 'still.webp', 'webp'],
  ])('%s, which is really %s', async (name, from, format) => {
    await materials.rename(name, from);
    expect(await materials.probe(name)).toMatchObject({ format });
  });
});

describe('cut files', () => {
  // Ogg pages stand for themselves: what is there is a whole, shorter file.
  const telling = whole.filter((name) => name !== 'end.mp4' && name !== 'tone.ogg');
  it.each([...telling, ...stills])('%s without its second half', async (name) => {
    await materials.cut('cut', name, Math.floor((await materials.bytes(name)) / 2));
    const facts = await materials.probe('cut');
    expect(facts.truncated).toBe(true);
    expect(facts.secondsExact).toBe(false);
  });

  it('an mp4 that lost its index', async () => {
    await materials.cut('cut.mp4', 'end.mp4', Math.floor((await materials.bytes('end.mp4')) / 2));
    await expect(materials.probe('cut.mp4')).rejects.toMatchObject({ kind: 'media', message: /cut short/ });
  });

  it('any file cut anywhere ends in facts or in a media failure', async () => {
    const outcomes: string[] = [];
    for (const name of [...whole, ...stills])
      for (const bytes of [1, 7, 12, 20, 40, 100, 1000, 5000]) {
        await materials.cut('cut', name, bytes);
        outcomes.push(await materials.outcome('cut'));
      }
    const failures = outcomes.filter((outcome) => outcome === 'media').length;
    const facts = outcomes.filter((outcome) => outcome === 'facts').length;
    expect(facts + failures).toBe(12 * 8);
    expect(failures).toBeGreaterThan(40);
    expect(facts).toBeGreaterThan(10);
  });

  it('any file with bytes turned over ends in facts or in a media failure', async () => {
    const outcomes: string[] = [];
    for (const name of [...whole, ...stills]) {
      const original = await readFile(materials.path(name));
      for (let round = 0; round < 6; round++) {
        const bytes = Buffer.from(original);
        for (let hit = 0; hit < 40; hit++) {
          // Fixed places: the same files in every run.
          const at = (hit * 7919 + round * 104_729) % Math.min(bytes.length, 4000);
          bytes[at] = (bytes[at] ?? 0) ^ ((hit * 31 + round) & 0xff);
        }
        await materials.write('spoilt', bytes);
        outcomes.push(await materials.outcome('spoilt'));
      }
    }
    expect(outcomes).toHaveLength(12 * 6);
    expect(outcomes.filter((outcome) => outcome !== 'media' && outcome !== 'facts')).toEqual([]);
  });
});

describe('files that are none', () => {
  it('a folder, a missing file and a pipe are refused at once', async () => {
    await mkdir(materials.path('folder'));
    execFileSync('mkfifo', [materials.path('pipe')]);
    for (const name of ['folder', 'missing', 'pipe'])
      await expect(fileSource(materials.path(name))).rejects.toMatchObject({ kind: 'storage' });
  });
});
