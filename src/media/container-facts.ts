import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { MediaInfo } from 'mediainfo.js';
import { indexLength } from './index-length.ts';
import type { ReadAhead } from './read-ahead.ts';

/** What the headers of a sound or video file say. */
export interface ContainerFacts {
  readonly format: string;
  readonly kind: 'image' | 'audio' | 'video';
  readonly seconds?: number;
  /** Pixels as shown, rotation honoured. */
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly videoCodec?: string;
  readonly audioCodec?: string;
  /** The file ends before its own headers say so. */
  readonly truncated: boolean;
}

type Parser = MediaInfo<'JSON'>;
type Track = Readonly<Record<string, unknown>>;

const chunkBytes = 256 * 1024;
const seekBytes = 64 * 1024;
/** An index at the end is fetched whole when it is no longer than this. */
const tailBytes = 640 * 1024;
const mostSeeks = 24;
const mostIndexBytes = 16 * 1024 * 1024;
const mostIdle = 2;
/** A parser keeps some 30 MB, and takes a moment to make: it outlives a burst of files, and not the day. */
const restMs = 60_000;

const idle: Parser[] = [];
let resting: NodeJS.Timeout | undefined;

/** Beside this module when it was bundled with it, else where npm installed it. */
function wasmPath(name: string): string {
  const bundled = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(bundled) ? bundled : createRequire(import.meta.url).resolve(`mediainfo.js/${name}`);
}

async function takeParser(): Promise<Parser> {
  const waiting = idle.pop();
  if (waiting) return waiting;
  const { default: mediaInfoFactory } = await import('mediainfo.js');
  return mediaInfoFactory({ format: 'JSON', locateFile: wasmPath });
}

function returnParser(parser: Parser): void {
  parser.reset();
  if (idle.length < mostIdle) idle.push(parser);
  clearTimeout(resting);
  resting = setTimeout(() => idle.splice(0), restMs).unref();
}

/**
 * Feeds the parser what it asks for. It never says that it has enough, so it gets 256 KiB after each jump
 * and after the index that begins there, and not a byte more.
 */
async function feed(parser: Parser, file: ReadAhead): Promise<void> {
  let at = 0;
  let stop = chunkBytes;
  let seeks = 0;
  let target = -1;
  parser.openBufferInit(file.size, 0);
  for (let length = chunkBytes; at < stop; ) {
    const chunk = await file.read(at, length);
    if (chunk.length === 0) return;
    // Only the first chunk of the file or after a jump is sure to begin with a box.
    if (at === 0 || at === target)
      stop = Math.max(stop, at + Math.min(indexLength(chunk), mostIndexBytes) + seekBytes);
    const finished = parser.openBufferContinue(chunk, chunk.length);
    const wanted = parser.openBufferContinueGotoGet();
    if (wanted === -1) {
      at += chunk.length;
      if (finished || at >= file.size) return;
      length = Math.min(stop - at, 4 * chunkBytes);
      continue;
    }
    seeks += 1;
    if (wanted === target || wanted >= file.size || seeks > mostSeeks) return;
    at = wanted;
    target = wanted;
    // Up to the edge of what reading ahead brings anyway.
    stop = at - (at % seekBytes) + chunkBytes;
    length = file.size - at <= tailBytes ? tailBytes : seekBytes;
    // A full re-init forgets what was gathered; only a parser that has finished needs it.
    parser.openBufferInit(finished ? file.size : -1, at);
  }
}

const formats: Readonly<Record<string, string>> = {
  'MPEG-4': 'mp4',
  QuickTime: 'mov',
  Matroska: 'mkv',
  'MPEG Audio': 'mp3',
  Wave: 'wav',
  RF64: 'wav',
  ADTS: 'aac',
  ADIF: 'aac',
  LATM: 'aac',
  'Windows Media': 'wma',
  JPEG: 'jpg',
  Bitmap: 'bmp',
  'Flash Video': 'flv',
  'MPEG-TS': 'ts',
  'MPEG-PS': 'mpg',
  HEIF: 'heic',
};

const codecs: Readonly<Record<string, string>> = {
  AVC: 'h264',
  HEVC: 'h265',
  'MPEG-4 Visual': 'mpeg4',
  'MPEG Video': 'mpeg2',
  JPEG: 'mjpeg',
  'MPEG Audio': 'mp3',
  'AC-3': 'ac3',
  'E-AC-3': 'eac3',
};

/** MediaInfo's own words. The second is all that ASF and image containers get when their end is missing. */
const cutSigns = ['"IsTruncated":"Yes"', 'Element size is more than maximal permitted size'];

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]+/g, '');

function text(track: Track | undefined, field: string): string {
  const value = track?.[field];
  return typeof value === 'string' ? value : '';
}

function positive(track: Track | undefined, ...fields: string[]): number | undefined {
  const values = fields.map((field) => Number.parseFloat(text(track, field)));
  return values.find((value) => value > 0);
}

function codec(track: Track | undefined): string | undefined {
  const name = text(track, 'Format');
  return name === '' ? undefined : (codecs[name] ?? plain(name));
}

function formatOf(general: Track, kind: ContainerFacts['kind']): string {
  const name = text(general, 'Format');
  const format = formats[name] ?? plain(name);
  if (format === 'mp4' && text(general, 'Format_Profile').startsWith('QuickTime')) return 'mov';
  // Without pictures it is what people call m4a, whatever brand its writer chose.
  if (format === 'mp4' && kind === 'audio') return 'm4a';
  return format === 'wma' && kind === 'video' ? 'wmv' : format;
}

/** Control characters, which tags may hold, are no JSON. */
function interpret(report: string): ContainerFacts | undefined {
  const { media } = JSON.parse(report.replaceAll(/\p{Cc}/gu, ' ')) as { media?: { track?: Track[] } | null };
  const track = (type: string) => media?.track?.find((one) => one['@type'] === type);
  const general = track('General');
  const [video, audio, image] = [track('Video'), track('Audio'), track('Image')];
  const picture = video ?? image;
  if (!general || text(general, 'Format') === '' || !(picture ?? audio)) return undefined;
  const kind = video ? 'video' : audio ? 'audio' : 'image';
  const turned = Math.abs(Math.round(positive(picture, 'Rotation') ?? 0)) % 180 === 90;
  const sides = [positive(picture, 'Width'), positive(picture, 'Height')];
  const [width, height] = turned ? sides.toReversed() : sides;
  if (picture && (width === undefined || height === undefined)) return undefined;
  return {
    format: formatOf(general, kind),
    kind,
    seconds: positive(general, 'Duration') ?? positive(audio, 'Duration'),
    width,
    height,
    frameRate: positive(video, 'FrameRate', 'FrameRate_Nominal', 'FrameRate_Original'),
    videoCodec: codec(video),
    audioCodec: codec(audio),
    truncated: cutSigns.some((sign) => JSON.stringify(general.extra ?? '').includes(sign)),
  };
}

/**
 * Reads the headers of any sound, video or rarer image format.
 * Undefined when there are none that make sense: no media, broken, or cut before its index.
 */
export async function readContainer(file: ReadAhead): Promise<ContainerFacts | undefined> {
  const parser = await takeParser();
  try {
    await feed(parser, file);
    parser.openBufferFinalize();
    const facts = interpret(parser.inform());
    returnParser(parser);
    return facts;
  } catch (error) {
    // After a crash inside WebAssembly the instance is not to be trusted, and the file is the culprit.
    if (error instanceof Error && error.name === 'RuntimeError') return undefined;
    returnParser(parser);
    throw error;
  }
}
