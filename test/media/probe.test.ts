import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { probe } from '../../src/media/probe.ts';
import { fileSource } from '../../src/media/ranged-source.ts';
import { h264, Materials, picture, tone } from './materials.ts';

const still = [...picture('320x180', 1), '-frames:v', '1'];
const noCount = ['-c:a', 'libmp3lame', '-write_xing', '0', '-id3v2_version', '0'];
/** Five seconds of silence, then noise: the first bit rate says nothing about the rest. */
const uneven =
  '-f lavfi -t 5 -i anullsrc=r=44100:cl=mono -f lavfi -i anoisesrc=r=44100:d=25 -filter_complex [0][1]concat=n=2:v=0:a=1'.split(
    ' ',
  );

interface Row {
  readonly file: string;
  readonly format: string;
  readonly kind: 'image' | 'audio' | 'video';
  readonly args: readonly string[];
}

const row = (file: string, format: string, kind: Row['kind'], ...args: string[]): Row => ({
  file,
  format,
  kind,
  args,
});

const matrix: readonly Row[] = [
  row('end.mp4', 'mp4', 'video', ...picture(), ...tone(), ...h264),
  row('start.mp4', 'mp4', 'video', ...picture(), ...tone(), ...h264, '-movflags', '+faststart'),
  row(
    'pieces.mp4',
    'mp4',
    'video',
    ...picture(),
    ...tone(),
    ...h264,
    '-movflags',
    'frag_keyframe+empty_moov',
    '-g',
    '25',
  ),
  row(
    'h265.mp4',
    'mp4',
    'video',
    ...picture('640x360', 1),
    '-c:v',
    'libx265',
    '-x265-params',
    'log-level=none',
  ),
  row('clip.mov', 'mov', 'video', ...picture(), ...tone(), ...h264),
  row('clip.avi', 'avi', 'video', ...picture(), ...tone(), '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  row('h264.avi', 'avi', 'video', ...picture(), '-c:v', 'libx264', '-pix_fmt', 'yuv420p'),
  row('clip.webm', 'webm', 'video', ...picture(), ...tone(), '-c:v', 'libvpx', '-c:a', 'libvorbis'),
  row('vp9.webm', 'webm', 'video', ...picture('320x180', 1), '-c:v', 'libvpx-vp9', '-deadline', 'realtime'),
  row('clip.mkv', 'mkv', 'video', ...picture(), ...tone(), ...h264),
  row('clip.wmv', 'wmv', 'video', ...picture(), ...tone(), '-c:v', 'wmv2', '-c:a', 'wmav2'),
  row('tone.mp3', 'mp3', 'audio', ...tone(), '-c:a', 'libmp3lame'),
  row('tone.wav', 'wav', 'audio', ...tone()),
  row('tone.m4a', 'm4a', 'audio', ...tone(), '-c:a', 'aac'),
  row('sound-only.mp4', 'm4a', 'audio', ...tone(), '-c:a', 'aac'),
  row('tone.aac', 'aac', 'audio', ...tone(), '-c:a', 'aac', '-f', 'adts'),
  row('tone.ogg', 'ogg', 'audio', ...tone(), '-c:a', 'libvorbis'),
  row('opus.ogg', 'ogg', 'audio', ...tone(), '-c:a', 'libopus'),
  row('tone.wma', 'wma', 'audio', ...tone(), '-c:a', 'wmav2'),
  row('tone.flac', 'flac', 'audio', ...tone()),
  row('still.jpg', 'jpg', 'image', ...still),
  row('still.png', 'png', 'image', ...still),
  row('still.bmp', 'bmp', 'image', ...still),
  row('still.webp', 'webp', 'image', ...still),
  row('lossless.webp', 'webp', 'image', ...still, '-lossless', '1'),
  row('still.gif', 'gif', 'image', ...still),
];

/** ffmpeg's names where ours differ. */
const codecNames: Readonly<Record<string, string>> = {
  hevc: 'h265',
  pcm_s16le: 'pcm',
  wmav2: 'wma',
};
const named = (codec: string | undefined) => codec && (codecNames[codec] ?? codec);

let materials: Materials;
beforeAll(async () => {
  materials = await Materials.open();
  await Promise.all(matrix.map(({ file, args }) => materials.make(file, ...args)));
});
afterAll(() => materials.close());

describe('every format, against what ffmpeg reports', () => {
  it.each(matrix)('$file', async ({ file, format, kind }) => {
    const [facts, report] = [await materials.probe(file), await materials.report(file)];
    expect(facts).toMatchObject({ format, kind, truncated: false, complete: true });
    expect(facts.bytes).toBe(await materials.bytes(file));
    expect([facts.width, facts.height]).toEqual([report.width, report.height]);
    if (kind === 'image') {
      expect(facts.seconds).toBeUndefined();
      return;
    }
    const seconds = format === 'aac' ? await materials.decodedSeconds(file) : report.seconds;
    expect(Math.abs((facts.seconds ?? 0) - (seconds ?? 0))).toBeLessThan(0.1);
    expect(facts.secondsExact).toBe(true);
    expect(named(report.audioCodec)).toBe(facts.audioCodec);
    if (kind === 'audio') return;
    if (file.startsWith('clip.wmv')) expect(facts.videoCodec).toMatch(/wmv2|msmpeg4/);
    else expect(facts.videoCodec).toBe(named(report.videoCodec));
    if (format === 'mp4' || format === 'mov' || format === 'avi')
      expect(facts.frameRate).toBeCloseTo(report.frameRate ?? Number.NaN, 1);
  });

  it('covers the formats that the clouds name', () => {
    const formats = new Set(matrix.map(({ format }) => format));
    const wanted = 'mp4 mov avi webm mkv mp3 wav m4a aac ogg wma jpg png bmp webp'.split(' ');
    expect(wanted.filter((format) => !formats.has(format))).toEqual([]);
  });
});

describe('pictures as they are shown', () => {
  it.each([
    [90, 180, 320],
    [180, 320, 180],
    [270, 180, 320],
  ])('a video turned by %i degrees', async (turn, width, height) => {
    const name = `turned-${turn}.mp4`;
    const turned = ['-c', 'copy', '-metadata:s:v:0', `rotate=${turn}`];
    await materials.make(name, '-i', materials.path('end.mp4'), ...turned);
    expect(await materials.probe(name)).toMatchObject({ width, height });
  });

  it.each([
    ['MM', 1, 320, 180],
    ['MM', 3, 320, 180],
    ['MM', 6, 180, 320],
    ['II', 8, 180, 320],
  ])('a photo with EXIF in %s order, orientation %i', async (order, value, width, height) => {
    const photo = await readFile(materials.path('still.jpg'));
    const little = order === 'II';
    const tiff = Buffer.alloc(26);
    const put = (number: number, at: number) =>
      little ? tiff.writeUInt16LE(number, at) : tiff.writeUInt16BE(number, at);
    tiff.write(order, 0, 'latin1');
    put(42, 2);
    if (little) tiff.writeUInt32LE(8, 4);
    else tiff.writeUInt32BE(8, 4);
    put(1, 8);
    put(0x0112, 10);
    put(3, 12);
    put(value, 18);
    const segment = Buffer.concat([Buffer.from('\xff\xe1\x00\x22Exif\0\0', 'latin1'), tiff]);
    segment.writeUInt16BE(segment.length - 2, 2);
    const name = `exif-${order}-${value}.jpg`;
    await materials.write(name, Buffer.concat([photo.subarray(0, 2), segment, photo.subarray(2)]));
    expect(await materials.probe(name)).toMatchObject({ format: 'jpg', width, height, truncated: false });
  });

  it('a photo whose profiles fill the first 640 kB', async () => {
    const photo = await readFile(materials.path('still.jpg'));
    const filler = Buffer.alloc(65_000);
    filler.write('\xff\xe2', 0, 'latin1');
    filler.writeUInt16BE(filler.length - 2, 2);
    const fillers = Array.from({ length: 10 }, () => filler);
    await materials.write(
      'profiles.jpg',
      Buffer.concat([photo.subarray(0, 2), ...fillers, photo.subarray(2)]),
    );
    expect(await materials.probe('profiles.jpg')).toMatchObject({ width: 320, height: 180 });
  });
});

describe('durations', () => {
  it('counts an MP3 without frame count, which its header doubles', async () => {
    await materials.make('uneven.mp3', ...uneven, ...noCount, '-q:a', '4');
    const report = await materials.report('uneven.mp3');
    expect(report.seconds).toBeGreaterThan(45);
    const facts = await materials.probe('uneven.mp3');
    expect(facts.secondsExact).toBe(true);
    expect(Math.abs((facts.seconds ?? 0) - (await materials.decodedSeconds('uneven.mp3')))).toBeLessThan(0.1);
    expect(facts.seconds).toBeCloseTo(30, 0);
  });

  it('believes an MP3 with frame count after its first 256 KiB', async () => {
    await materials.make('counted.mp3', ...uneven, '-c:a', 'libmp3lame', '-b:a', '320k');
    const source = await fileSource(materials.path('counted.mp3'));
    const facts = await probe(source);
    await source.close();
    expect(facts).toMatchObject({ secondsExact: true });
    expect(facts.seconds).toBeCloseTo(30, 0);
    expect(source.used.requests).toBeLessThanOrEqual(3);
    expect(source.used.bytes).toBeLessThan((facts.bytes ?? 0) / 2);
  });

  it('counts near a limit, where a header does not decide', async () => {
    await materials.make('liar.mkv', ...picture('320x180', 3), ...h264);
    const bytes = await readFile(materials.path('liar.mkv'));
    const duration = bytes.indexOf(Buffer.from([0x44, 0x89, 0x88]));
    expect(duration).toBeGreaterThan(0);
    bytes.writeDoubleBE(2100, duration + 3);
    await materials.write('liar.mkv', bytes);
    expect((await materials.probe('liar.mkv')).seconds).toBeCloseTo(2.1, 1);
    expect((await materials.probe('liar.mkv', { near: [600] })).seconds).toBeCloseTo(2.1, 1);
    expect((await materials.probe('liar.mkv', { near: [2, 60] })).seconds).toBeCloseTo(3, 1);
  });

  it('reads all fragments, not only the first', async () => {
    const args = ['-movflags', 'frag_keyframe+empty_moov+skip_trailer', '-g', '25'];
    await materials.make('sixty.mp4', ...picture('160x90', 60), ...tone(60), ...h264, ...args);
    const facts = await materials.probe('sixty.mp4');
    expect(facts.secondsExact).toBe(true);
    expect(Math.abs((facts.seconds ?? 0) - 60)).toBeLessThan(0.2);
  });

  it('probes many files at once', async () => {
    const names = matrix.map(({ file }) => file);
    const alone = [];
    for (const name of names) alone.push(await materials.probe(name));
    expect(await Promise.all(names.map((name) => materials.probe(name)))).toEqual(alone);
    expect(alone).toHaveLength(matrix.length);
  });

  it('keeps what reads them for a burst of files, and gives its memory back in quiet times', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    // Not among the types of this Node.js, though it is there.
    const { WebAssembly: assembly } = globalThis as unknown as {
      WebAssembly: { instantiate: (...given: unknown[]) => unknown };
    };
    const made = vi.spyOn(assembly, 'instantiate');
    try {
      await materials.make('burst.mp4', ...picture(), ...tone(), ...h264);
      // What others have left is gone first.
      await materials.probe('burst.mp4');
      vi.advanceTimersByTime(60_000);
      made.mockClear();
      const first = await materials.probe('burst.mp4');
      vi.advanceTimersByTime(59_000);
      expect(await materials.probe('burst.mp4')).toEqual(first);
      vi.advanceTimersByTime(59_000);
      expect(await materials.probe('burst.mp4')).toEqual(first);
      expect(made).toHaveBeenCalledTimes(1);
      vi.advanceTimersByTime(60_000);
      expect(await materials.probe('burst.mp4')).toEqual(first);
      expect(made).toHaveBeenCalledTimes(2);
    } finally {
      made.mockRestore();
      vi.useRealTimers();
    }
  });
});
