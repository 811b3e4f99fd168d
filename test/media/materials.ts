import { copyFile, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../src/core/failure.ts';
import { Ffmpeg } from '../../src/emulator/ffmpeg.ts';
import type { MediaFacts } from '../../src/core/media-facts.ts';
import { type ProbeOptions, probe } from '../../src/media/probe.ts';
import { fileSource } from '../../src/media/ranged-source.ts';

/** What ffmpeg itself says of a file, in its words. */
export interface Report {
  readonly seconds: number | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly frameRate: number | undefined;
  readonly videoCodec: string | undefined;
  readonly audioCodec: string | undefined;
}

const clock = (text: string | undefined) => {
  const parts = text?.split(':').map(Number);
  return parts ? (parts[0] ?? 0) * 3600 + (parts[1] ?? 0) * 60 + (parts[2] ?? 0) : undefined;
};
const numeric = (text: string | undefined) => (text === undefined ? undefined : Number(text));

export const picture = (size = '320x180', seconds = 4) => [
  '-f',
  'lavfi',
  '-i',
  `testsrc=size=${size}:rate=25:duration=${seconds}`,
];
export const tone = (seconds = 4) => ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
export const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-c:a', 'aac'];

/** A folder of real files made by ffmpeg. */
export class Materials {
  readonly folder: string;
  readonly #ffmpeg = new Ffmpeg();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Materials> {
    return new Materials(await mkdtemp(join(tmpdir(), 'media-')));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async make(name: string, ...args: string[]): Promise<string> {
    await this.#ffmpeg.make([...args, this.path(name)]);
    return this.path(name);
  }

  async write(name: string, content: Uint8Array | string): Promise<string> {
    await writeFile(this.path(name), content);
    return this.path(name);
  }

  async cut(name: string, from: string, bytes: number): Promise<string> {
    return this.write(name, (await readFile(this.path(from))).subarray(0, bytes));
  }

  async rename(name: string, from: string): Promise<string> {
    await copyFile(this.path(from), this.path(name));
    return this.path(name);
  }

  /** Puts an empty box of this size between the media and the index, without taking room on disk. */
  async stretch(name: string, from: string, gap: number): Promise<string> {
    const bytes = await readFile(this.path(from));
    const index = bytes.lastIndexOf('moov') - 4;
    const box = Buffer.alloc(16);
    box.writeUInt32BE(1, 0);
    box.write('free', 4, 'latin1');
    box.writeBigUInt64BE(BigInt(gap), 8);
    const file = await open(this.path(name), 'w');
    await file.write(Buffer.concat([bytes.subarray(0, index), box]), 0, index + 16, 0);
    await file.truncate(index + gap);
    await file.write(bytes.subarray(index), 0, bytes.length - index, index + gap);
    await file.close();
    return this.path(name);
  }

  async report(name: string): Promise<Report> {
    const { report } = await this.#ffmpeg.run(['-i', this.path(name)]);
    const size = /Video:.*?[ ,](\d+)x(\d+)[ ,\r\n]/.exec(report);
    return {
      seconds: clock(/Duration: ([\d:.]+)/.exec(report)?.[1]),
      width: numeric(size?.[1]),
      height: numeric(size?.[2]),
      frameRate: numeric(/([\d.]+) fps/.exec(report)?.[1]),
      videoCodec: /Video: (\w+)/.exec(report)?.[1],
      audioCodec: /Audio: (\w+)/.exec(report)?.[1],
    };
  }

  /** Seconds that come out when the whole file is decoded. */
  async decodedSeconds(name: string): Promise<number> {
    const { report } = await this.#ffmpeg.run(['-i', this.path(name), '-f', 'null', '-']);
    return clock([...report.matchAll(/time=([\d:.]+)/g)].at(-1)?.[1]) ?? Number.NaN;
  }

  async probe(name: string, options?: ProbeOptions): Promise<MediaFacts> {
    const source = await fileSource(this.path(name));
    try {
      return await probe(source, options);
    } finally {
      await source.close();
    }
  }

  /** `facts`, or the kind of the failure. */
  async outcome(name: string): Promise<string> {
    return this.probe(name).then(
      () => 'facts',
      (error: unknown) => (error instanceof Failure ? error.kind : 'crash'),
    );
  }

  async bytes(name: string): Promise<number> {
    return (await stat(this.path(name))).size;
  }

  async close(): Promise<void> {
    await this.#ffmpeg.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
