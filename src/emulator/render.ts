import { createHash, randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Ffmpeg } from './ffmpeg.ts';
import { inspect } from './inspect.ts';
import type { MediaFile } from './inputs.ts';
import { markPng } from './mark.ts';

/** A finished video on disk. */
export interface Rendered {
  readonly path: string;
  readonly seconds: number;
}

/** Width and height in pixels, both even. */
export type Size = readonly [number, number];

type Recording = Pick<MediaFile, 'path' | 'demuxer' | 'digest'>;

export interface TalkingPhoto {
  readonly photo: MediaFile;
  readonly audio: Recording;
  readonly seconds: number;
  readonly size: Size;
}

export interface DubbedClip {
  readonly clip: MediaFile;
  readonly audio: Recording;
  /** Length of the result. Longer than the clip: the clip plays backwards and forwards in turn. */
  readonly seconds: number;
}

const photoFrameRate = 25;
/** Reversing holds raw frames in memory; this much of them at a time. */
const reverseBytes = 192 * 1024 * 1024;

const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '26', '-pix_fmt', 'yuv420p'];
const aac = ['-c:a', 'aac', '-b:a', '96k', '-ar', '44100'];

function from({ demuxer, path: file }: Pick<MediaFile, 'demuxer' | 'path'>): string[] {
  return ['-f', demuxer, '-i', file];
}

/** The picture that a graph calls `out`, and the sound of the second source. */
function filtered(graph: readonly string[]): string[] {
  return ['-filter_complex', graph.join(';'), '-map', '[out]', '-map', '1:a:0', ...h264, ...aac];
}

/** Ends the result at this second and puts its index first, so that it plays while it downloads. */
function upTo(seconds: number): string[] {
  return ['-t', seconds.toFixed(3), '-movflags', '+faststart', '-f', 'mp4'];
}

/** The nearest even number of pixels: yuv420p needs both sides even. */
export function even(pixels: number): number {
  return Math.max(2, Math.round(pixels / 2) * 2);
}

/** Makes results that play: the given picture or clip, the given sound, and a mark that says EMULATED. */
export class Studio {
  readonly #folder: string;
  readonly #ffmpeg: Ffmpeg;
  readonly #mark: Promise<{ demuxer: string; path: string }>;
  readonly #made = new Map<string, Promise<Rendered>>();

  constructor(folder: string, ffmpeg: Ffmpeg) {
    this.#folder = folder;
    this.#ffmpeg = ffmpeg;
    const file = path.join(folder, 'mark.png');
    this.#mark = writeFile(file, markPng).then(() => ({ demuxer: 'png_pipe', path: file }));
    // Awaited in every render; without one, a close during start must not become an unhandled rejection.
    this.#mark.catch(() => undefined);
  }

  /** Stores generated sound so that a render can use it. */
  async recording(wav: Buffer): Promise<Recording> {
    const digest = createHash('sha256').update(wav).digest('hex');
    const file = path.join(this.#folder, digest);
    await writeFile(file, wav);
    return { path: file, demuxer: 'wav', digest };
  }

  /** The photo for as long as the sound lasts, with a wave at its foot that moves with the voice. */
  async talkingPhoto({ photo, audio, seconds, size }: TalkingPhoto): Promise<Rendered> {
    const [width, height] = size;
    const wave = even(height / 6);
    return this.#once(['photo', photo.digest, audio.digest, seconds, width, height], async (output) => {
      const graph = [
        `[0:v]scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height},` +
          `setsar=1,format=yuv420p,loop=loop=-1:size=1:start=0,setpts=N/(${photoFrameRate}*TB)[photo]`,
        `[1:a]showwaves=s=${width}x${wave}:mode=cline:rate=${photoFrameRate}:scale=sqrt:colors=white[wave]`,
        `[photo][wave]overlay=0:H-h-${even(height / 24)}[moving]`,
        ...markGraph('moving', width),
      ];
      const sources = [...from(photo), ...from(audio), ...from(await this.#mark)];
      const rate = ['-r', String(photoFrameRate)];
      await this.#ffmpeg.make([...sources, ...filtered(graph), ...rate, ...upTo(seconds), output]);
    });
  }

  /** The clip with the new sound, cut or lengthened to `seconds`. */
  async dubbedClip({ clip, audio, seconds }: DubbedClip): Promise<Rendered> {
    return this.#once(['clip', clip.digest, audio.digest, seconds], async (output) => {
      const drafts: string[] = [];
      try {
        const lengthen = seconds > (clip.seconds ?? 0);
        const pictures = lengthen
          ? ['-f', 'concat', '-safe', '0', '-i', await this.#pingPong(clip, seconds, drafts)]
          : from(clip);
        const graph = [
          '[0:v]scale=trunc(iw/2)*2:trunc(ih/2)*2,setsar=1[clip]',
          ...markGraph('clip', clip.width ?? 640),
        ];
        const sources = [...pictures, ...from(audio), ...from(await this.#mark)];
        await this.#ffmpeg.make([...sources, ...filtered(graph), ...upTo(seconds), output]);
      } finally {
        await Promise.all(drafts.map((draft) => rm(draft, { force: true })));
      }
    });
  }

  /**
   * Writes a concat list: the clip, then backwards, then forwards, until `seconds` are full.
   * The backward pass is made in pieces, last piece first, so that memory stays bounded.
   */
  async #pingPong(clip: MediaFile, seconds: number, drafts: string[]): Promise<string> {
    const rate = clip.frameRate ?? photoFrameRate;
    const length = clip.seconds ?? seconds;
    const draft = (name: string) => {
      const file = path.join(this.#folder, `${name}-${randomUUID()}`);
      drafts.push(file);
      return file;
    };
    const piecewise = [...h264, '-r', String(rate), '-video_track_timescale', '90000', '-an', '-f', 'mp4'];
    const forward = draft('forward');
    const tidy = `fps=${rate},scale=trunc(iw/2)*2:trunc(ih/2)*2,setsar=1`;
    const source = [...from(clip), '-map', '0:v:0', '-vf', tidy];
    await this.#ffmpeg.make([...source, ...piecewise, '-g', String(Math.ceil(rate)), forward]);

    const frames = Math.max(1, Math.round(length * rate));
    const frameBytes = (clip.width ?? 640) * (clip.height ?? 640) * 1.5;
    const step = Math.max(1, Math.min(frames, Math.floor(reverseBytes / frameBytes)));
    const backward: string[] = [];
    for (let first = Math.floor((frames - 1) / step) * step; first >= 0; first -= step) {
      const piece = draft('backward');
      // Half a frame early, so that rounding can never skip the first frame of the piece.
      const from = Math.max(0, (first - 0.5) / rate).toFixed(6);
      const filter = `trim=end_frame=${step},setpts=PTS-STARTPTS,reverse`;
      await this.#ffmpeg.make(['-ss', from, '-f', 'mp4', '-i', forward, '-vf', filter, ...piecewise, piece]);
      backward.push(piece);
    }
    const passes = Math.ceil(seconds / length) + 1;
    const order = Array.from({ length: passes }, (_, pass) => (pass % 2 === 0 ? [forward] : backward)).flat();
    const list = draft('list');
    await writeFile(list, order.map((file) => `file '${file.replaceAll("'", "'\\''")}'`).join('\n'));
    return list;
  }

  /**
   * Renders once for the same inputs: a load test with one picture costs one run. For that reason
   * no single task can stop a render, only the close of the emulator.
   */
  async #once(
    parts: ReadonlyArray<string | number>,
    make: (output: string) => Promise<void>,
  ): Promise<Rendered> {
    const key = parts.join(' ');
    const known = this.#made.get(key);
    if (known) return known;
    const output = path.join(this.#folder, `result-${randomUUID()}`);
    const made = make(output).then(async (): Promise<Rendered> => {
      const found = await inspect(this.#ffmpeg, output, 'video');
      if (!found?.seconds) throw new Error('The rendered file cannot be read back.');
      return { path: output, seconds: found.seconds };
    });
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    return made;
  }
}

function markGraph(input: string, width: number): string[] {
  const markWidth = even(Math.max(96, width * 0.28));
  const margin = even(width / 40);
  return [`[2:v]scale=${markWidth}:-2[mark]`, `[${input}][mark]overlay=W-w-${margin}:${margin}[out]`];
}
