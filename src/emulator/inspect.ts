import { open, readFile, stat } from 'node:fs/promises';
import type { MediaKind, MediaLimits } from '../core/operation.ts';
import type { BrokenAspect } from './cloud-error.ts';
import { readDocument } from './documents.ts';
import type { Ffmpeg } from './ffmpeg.ts';
import { sniff } from './sniff.ts';

/** What is really in a file. Sizes in pixels as shown (rotation applied), time in seconds. */
export interface Inspected {
  readonly format: string;
  readonly demuxer: string;
  readonly bytes: number;
  /** False when it cannot be opened or holds nothing of the wanted kind. */
  readonly readable: boolean;
  readonly seconds?: number;
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly codec?: string;
  /** Whether a video has sound. */
  readonly hasSound?: boolean;
  /** Pages of a document. */
  readonly pages?: number;
}

/** Durations come from resampled sound and rounded clocks; a clip cut to exactly 2 s must pass. */
const secondsTolerance = 0.05;
const frameRateTolerance = 0.01;

function clockSeconds(text: string | undefined): number | undefined {
  const [hours, minutes, seconds] = (text ?? '').split(':').map(Number);
  if (hours === undefined || minutes === undefined || seconds === undefined) return undefined;
  return hours * 3600 + minutes * 60 + seconds;
}

const trial: Readonly<Record<'image' | 'video' | 'audio', readonly string[]>> = {
  image: ['-map', '0:v:0', '-frames:v', '1'],
  video: ['-map', '0:v:0', '-t', '0.2'],
  // The whole recording: a header's duration is a guess for MP3 and raw AAC.
  audio: ['-map', '0:a:0'],
};

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function shownSize(report: string): { width?: number; height?: number } {
  const size = /Stream #0.*Video:.*?[ ,](\d{1,5})x(\d{1,5})[ ,\r\n]/.exec(report);
  if (!size) return {};
  const turned = Math.abs(Number(/rotat(?:e\s*:|ion of)\s*(-?\d+)/.exec(report)?.[1] ?? 0)) % 180 === 90;
  const [width, height] = [Number(size[1]), Number(size[2])];
  return turned ? { width: height, height: width } : { width, height };
}

/**
 * Opens a file the way the cloud would. There is no ffprobe in the bundled build, so this reads the report
 * of a short trial run.
 * @param longest seconds of audio after which the trial run stops
 * @returns undefined when the container is none that is known here
 */
export async function inspect(
  ffmpeg: Ffmpeg,
  file: string,
  kind: MediaKind,
  longest = 7200,
): Promise<Inspected | undefined> {
  const { size: bytes } = await stat(file);
  if (kind === 'document') {
    const document = readDocument(await readFile(file));
    return document && { ...document, demuxer: '', bytes, readable: document.pages > 0 };
  }
  const container = sniff(await firstBytes(file));
  if (!container) return undefined;
  const limit = kind === 'audio' ? ['-t', String(longest)] : [];
  const args = ['-f', container.demuxer, '-i', file, ...trial[kind], ...limit, '-f', 'null', '-'];
  const { code, report } = await ffmpeg.run(args, true);
  const stream = kind === 'audio' ? 'Audio' : 'Video';
  const codec = new RegExp(`Stream #0.*${stream}: (\\w+)`).exec(report)?.[1];
  const seconds =
    kind === 'audio'
      ? clockSeconds([...report.matchAll(/time=([\d:.]+)/g)].at(-1)?.[1])
      : clockSeconds(/Duration: ([\d:.]+)/.exec(report)?.[1]);
  const audioOnly = /Stream #0.*Audio:/.test(report) && !/Stream #0.*Video:/.test(report);
  return {
    // Many programs write plain MP4 brands into audio files; without pictures it is what people call m4a.
    format: container.format === 'mp4' && audioOnly ? 'm4a' : container.format,
    demuxer: container.demuxer,
    bytes,
    readable: code === 0 && codec !== undefined,
    codec: codec === 'hevc' ? 'h265' : codec,
    ...(kind === 'image' ? {} : { seconds }),
    ...(kind === 'audio' ? {} : shownSize(report)),
    ...(kind === 'video'
      ? {
          frameRate: Number(/([\d.]+) (?:fps|tbr)/.exec(report)?.[1]),
          hasSound: /Stream #0.*Audio:/.test(report),
        }
      : {}),
  };
}

function outside(value: number, [low, high]: readonly [number, number], tolerance = 0): boolean {
  return !(value >= low - tolerance && value <= high + tolerance);
}

/** The first documented limit that a file breaks, with what was found; advised limits are not enforced. */
export function breachOf(
  found: Inspected,
  limits: MediaLimits,
): { aspect: BrokenAspect; found: string } | undefined {
  const { width = 0, height = 0 } = found;
  const sides = [width, height];
  const checks: ReadonlyArray<readonly [BrokenAspect, boolean | undefined, string]> = [
    ['bytes', limits.maxBytes !== undefined && found.bytes > limits.maxBytes, `${found.bytes} bytes`],
    ['format', limits.formats.length > 0 && !limits.formats.includes(found.format), found.format],
    ['open', !found.readable, 'it cannot be opened'],
    ['codec', limits.codecs && !limits.codecs.includes(found.codec ?? ''), found.codec ?? 'no codec'],
    [
      'seconds',
      limits.seconds && outside(found.seconds ?? Number.NaN, limits.seconds, secondsTolerance),
      `${found.seconds} s`,
    ],
    ['side', limits.side && sides.some((side) => outside(side, limits.side ?? [0, 0])), `${width}x${height}`],
    ['ratio', limits.ratio && outside(width / height, limits.ratio), `${width}:${height}`],
    [
      'frame_rate',
      limits.frameRate && outside(found.frameRate ?? Number.NaN, limits.frameRate, frameRateTolerance),
      `${found.frameRate} fps`,
    ],
    ['pages', limits.pages !== undefined && (found.pages ?? 0) > limits.pages, `${found.pages} pages`],
  ];
  for (const [aspect, broken, text] of checks) {
    const advised =
      aspect !== 'open' && aspect !== 'download' && aspect !== 'timeout' && limits.advised?.includes(aspect);
    if (broken && !advised) return { aspect, found: text };
  }
  return undefined;
}
