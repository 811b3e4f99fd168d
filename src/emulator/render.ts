import { createHash, randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Ffmpeg } from './ffmpeg.ts';
import { inspect } from './inspect.ts';
import type { MediaFile } from './inputs.ts';
import { markPng } from './mark.ts';

export type Ending = 'mp4' | 'webm' | 'mov' | 'mp3' | 'wav' | 'srt' | 'png';

/** A finished file on disk. */
export interface Rendered {
  readonly path: string;
  /** How its address ends; the clouds' replies name no type. */
  readonly ending: Ending;
  /** 0 where there is no time in it. */
  readonly seconds: number;
}

/** Width and height in pixels, both even. */
export type Size = readonly [number, number];

export type Source = Pick<MediaFile, 'path' | 'demuxer'>;
export type Recording = Pick<MediaFile, 'path' | 'demuxer' | 'digest'>;

export interface TalkingPhoto {
  readonly photo: MediaFile;
  readonly audio: Recording;
  readonly seconds: number;
  readonly size: Size;
}

/** Frames a second of everything that is not made from a clip. */
export const ownFrameRate = 25;

export const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '26', '-pix_fmt', 'yuv420p'];
export const aac = ['-c:a', 'aac', '-b:a', '96k', '-ar', '44100'];

export function from({ demuxer, path: file }: Source): string[] {
  return ['-f', demuxer, '-i', file];
}

/** Ends the result at this second and puts its index first, so that it plays while it downloads. */
export function upTo(seconds: number): string[] {
  return ['-t', seconds.toFixed(3), '-movflags', '+faststart', '-f', 'mp4'];
}

/** The nearest even number of pixels: yuv420p needs both sides even. */
export function even(pixels: number): number {
  return Math.max(2, Math.round(pixels / 2) * 2);
}

/** Lays the mark (source 2) over `input`; the result is called `out`. */
export function markGraph(input: string, width: number): string[] {
  const markWidth = even(Math.max(96, width * 0.28));
  const margin = even(width / 40);
  return [`[2:v]scale=${markWidth}:-2[mark]`, `[${input}][mark]overlay=W-w-${margin}:${margin}[out]`];
}

/** A concat list for ffmpeg. */
export function concatList(files: readonly string[]): string {
  return files.map((file) => `file '${file.replaceAll("'", "'\\''")}'`).join('\n');
}

/** Makes results that play: the given picture or clip, the given sound, and a mark that says EMULATED. */
export class Studio {
  /** The picture that reads EMULATED. */
  readonly mark: Promise<Source>;
  readonly #folder: string;
  readonly #ffmpeg: Ffmpeg;
  readonly #made = new Map<string, Promise<Rendered>>();

  constructor(folder: string, ffmpeg: Ffmpeg) {
    this.#folder = folder;
    this.#ffmpeg = ffmpeg;
    const file = path.join(folder, 'mark.png');
    this.mark = writeFile(file, markPng).then(() => ({ demuxer: 'png_pipe', path: file }));
    // Awaited in every render; without one, a close during start must not become an unhandled rejection.
    this.mark.catch(() => undefined);
  }

  /** Stores generated sound so that a render can use it. */
  async recording(wav: Buffer): Promise<Recording> {
    const { path: file } = await this.keep(wav, 'wav');
    return { path: file, demuxer: 'wav', digest: path.basename(file) };
  }

  /** Stores a finished file under the digest of its content. */
  async keep(content: Buffer | string, ending: Ending): Promise<Rendered> {
    const file = path.join(this.#folder, createHash('sha256').update(content).digest('hex'));
    await writeFile(file, content);
    return { path: file, ending, seconds: 0 };
  }

  /** @throws Error with the end of ffmpeg's report */
  async run(args: readonly string[]): Promise<void> {
    await this.#ffmpeg.make(args);
  }

  /** Gives work the names of files that are removed when it ends. */
  async withDrafts<T>(work: (draft: (name: string) => string) => Promise<T>): Promise<T> {
    const drafts: string[] = [];
    try {
      return await work((name) => {
        const file = path.join(this.#folder, `${name}-${randomUUID()}`);
        drafts.push(file);
        return file;
      });
    } finally {
      await Promise.all(drafts.map((draft) => rm(draft, { force: true })));
    }
  }

  /** The photo for as long as the sound lasts, with a wave at its foot that moves with the voice. */
  async talkingPhoto({ photo, audio, seconds, size }: TalkingPhoto): Promise<Rendered> {
    const [width, height] = size;
    const wave = even(height / 6);
    return this.once(['photo', photo.digest, audio.digest, seconds, width, height], 'mp4', async (output) => {
      const graph = [
        `[0:v]scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height},` +
          `setsar=1,format=yuv420p,loop=loop=-1:size=1:start=0,setpts=N/(${ownFrameRate}*TB)[photo]`,
        `[1:a]showwaves=s=${width}x${wave}:mode=cline:rate=${ownFrameRate}:scale=sqrt:colors=white[wave]`,
        `[photo][wave]overlay=0:H-h-${even(height / 24)}[moving]`,
        ...markGraph('moving', width),
      ];
      const sources = [...from(photo), ...from(audio), ...from(await this.mark)];
      const made = ['-filter_complex', graph.join(';'), '-map', '[out]', '-map', '1:a:0', ...h264, ...aac];
      await this.run([...sources, ...made, '-r', String(ownFrameRate), ...upTo(seconds), output]);
    });
  }

  /**
   * Renders once for the same inputs: a load test with one picture costs one run. For that reason
   * no single task can stop a render, only the close of the emulator.
   */
  async once(
    parts: ReadonlyArray<string | number>,
    ending: Ending,
    make: (output: string) => Promise<void>,
  ): Promise<Rendered> {
    const key = parts.join(' ');
    const known = this.#made.get(key);
    if (known) return known;
    const output = path.join(this.#folder, `result-${randomUUID()}`);
    const kind = ending === 'mp3' || ending === 'wav' ? 'audio' : 'video';
    const made = make(output).then(async (): Promise<Rendered> => {
      const found = await inspect(this.#ffmpeg, output, kind);
      if (!found?.seconds) throw new Error('The rendered file cannot be read back.');
      return { path: output, ending, seconds: found.seconds };
    });
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    return made;
  }
}
