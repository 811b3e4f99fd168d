import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import type { MediaAspect, MediaLimits } from '../../src/core/operation.ts';
import { pdf, ppt, pptx, zip } from '../media/documents.ts';
import { type Materials, h264 } from '../media/materials.ts';

/** What a file is to be. Bytes beyond what that takes are empty space at the end. */
export interface FileWish {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly seconds: number;
  readonly frameRate: number;
  readonly codec: string;
  readonly pages: number;
  readonly bytes?: number;
}

export interface Edge {
  readonly aspect: MediaAspect;
  readonly inside: boolean;
  readonly wish: FileWish;
}

const strangers = { image: 'gif', audio: 'flac', video: 'mkv', document: 'docx' } as const;

function usual({ kind, formats, ratio, seconds }: MediaLimits): FileWish {
  const upright = ratio !== undefined && ratio[1] < 1;
  const side = kind === 'video' ? 640 : 512;
  return {
    format: formats[0] ?? 'jpg',
    width: side,
    height: upright ? 768 : side,
    seconds: Math.max(seconds?.[0] ?? 0, 3),
    frameRate: 25,
    codec: 'h264',
    pages: 2,
  };
}

/** Files just inside and just outside every limit of one field. */
export function edgesOf(limits: MediaLimits): Edge[] {
  const wish = usual(limits);
  const edges: Edge[] = [];
  const add = (aspect: MediaAspect, inside: boolean, change: Partial<FileWish>) =>
    edges.push({ aspect, inside, wish: { ...wish, ...change } });
  for (const format of limits.formats) add('format', true, { format });
  if (limits.formats.length > 0) add('format', false, { format: strangers[limits.kind] });
  if (limits.maxBytes) {
    const roomy =
      limits.kind === 'audio'
        ? limits.formats.includes('m4a')
          ? 'm4a'
          : 'wav'
        : limits.kind === 'document'
          ? 'pdf'
          : wish.format;
    add('bytes', true, { format: roomy, bytes: limits.maxBytes });
    add('bytes', false, { format: roomy, bytes: limits.maxBytes + 1 });
  }
  if (limits.seconds) {
    const [low, high] = limits.seconds;
    const format = limits.kind === 'audio' ? 'wav' : wish.format;
    // The longest are made of as few pictures as the other limits allow.
    const sparse = limits.kind === 'video' ? { frameRate: limits.frameRate?.[0] ?? 1 } : {};
    add('seconds', true, { format, seconds: low });
    add('seconds', false, { format, seconds: low * 0.8 });
    add('seconds', true, { format, seconds: high, ...sparse });
    add('seconds', false, { format, seconds: high + 1, ...sparse });
  }
  if (limits.side) {
    const [low, high] = limits.side;
    const shape = wish.width / wish.height;
    const tall = (side: number) => ({ width: 2 * Math.round((side * shape) / 2), height: side });
    // Encoders want even sides.
    const step = 2;
    add('side', true, tall(high));
    add('side', false, tall(high + step));
    if (low > 1) {
      add('side', true, tall(low));
      add('side', false, tall(low - step));
    }
  }
  if (limits.ratio) {
    const [low, high] = limits.ratio;
    add('ratio', true, { width: 600 * low, height: 600 });
    add('ratio', true, { width: 600 * high, height: 600 });
    add('ratio', false, { width: 600 * low - 6, height: 600 });
    add('ratio', false, { width: 600 * high + 6, height: 600 });
  }
  if (limits.frameRate) {
    const [low, high] = limits.frameRate;
    for (const [frameRate, inside] of [
      [low, true],
      [high, true],
      [low - 1, false],
      [high + 1, false],
    ] as const)
      add('frame_rate', inside, { frameRate });
  }
  if (limits.codecs) {
    add('codec', true, { codec: limits.codecs.at(-1) ?? 'h264' });
    add('codec', false, { codec: 'mpeg4' });
  }
  if (limits.pages) {
    add('pages', true, { format: 'pptx', pages: limits.pages });
    add('pages', false, { format: 'pptx', pages: limits.pages + 1 });
    add('pages', true, { format: 'pdf', pages: limits.pages });
    add('pages', false, { format: 'pdf', pages: limits.pages + 1 });
  }
  return edges;
}

const videoCodecs: Readonly<Record<string, readonly string[]>> = {
  h264,
  h265: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none', '-c:a', 'aac'],
  mpeg4: ['-c:v', 'mpeg4', '-c:a', 'aac'],
};

/** An empty box of 64-bit length: players skip it. */
function emptyBox(size: number): Buffer {
  const box = Buffer.alloc(16);
  box.writeUInt32BE(1, 0);
  box.write('free', 4, 'latin1');
  box.writeBigUInt64BE(BigInt(size), 8);
  return box;
}

function exactPdf(pages: number, bytes: number): Buffer {
  let padding = Math.floor(bytes / pages) - 1000;
  for (let tries = 0; tries < 8; tries++) {
    const document = pdf(pages, padding);
    const missing = bytes - document.length;
    if (missing === 0) return document;
    // A line break at the end counts for what the pages cannot share evenly.
    if (missing > 0 && missing < pages * 2) return Buffer.concat([document, Buffer.alloc(missing, '\n')]);
    padding += Math.floor(missing / pages);
  }
  throw new Error(`no PDF of ${bytes} bytes`);
}

async function encoded(materials: Materials, wish: FileWish): Promise<Buffer> {
  const { format, width, height, seconds, frameRate, codec } = wish;
  const name = `${Object.values(wish).join('-').replaceAll('.', '_')}.${format}`;
  const size = `${Math.round(width)}x${Math.round(height)}`;
  const still = ['-f', 'lavfi', '-i', `color=c=teal:size=${size}:rate=1:duration=1`, '-frames:v', '1'];
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=8000:duration=${seconds}`, '-ac', '1'];
  const moving = ['-f', 'lavfi', '-i', `color=c=teal:size=${size}:rate=${frameRate}:duration=${seconds}`];
  const index = ['mp4', 'm4a', 'mov'].includes(format) ? ['-movflags', '+faststart'] : [];
  const args = ['jpg', 'png', 'bmp', 'webp', 'gif'].includes(format)
    ? still
    : ['mp4', 'mov', 'avi', 'mkv'].includes(format)
      ? [...moving, ...(videoCodecs[codec] ?? h264), ...index]
      : [...sound, ...index];
  return readFile(await materials.make(name, ...args));
}

async function contentOf(materials: Materials, wish: FileWish): Promise<Buffer> {
  const { format, pages, bytes } = wish;
  if (format === 'pdf') return bytes === undefined ? pdf(pages) : exactPdf(pages, bytes);
  if (format === 'pptx') return pptx(pages);
  if (format === 'ppt') return ppt(pages);
  if (format === 'docx') return zip([['word/document.xml', '<doc/>']]);
  const content = await encoded(materials, wish);
  if (bytes === undefined || !['mp4', 'm4a', 'mov'].includes(format)) return content;
  return Buffer.concat([content, emptyBox(bytes - content.length)]);
}

export interface EdgeServer {
  /** Where a file as wished can be fetched. */
  address(wish: FileWish): Promise<string>;
  close(): Promise<void>;
}

/** Serves wished files by ranges; empty space at their ends is never stored. */
export async function serveEdges(materials: Materials): Promise<EdgeServer> {
  const files = new Map<string, { content: Buffer; size: number }>();
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (!file || from === undefined || to === undefined) return response.writeHead(404).end();
    const [start, end] = [Number(from), Math.min(Number(to), file.size - 1)];
    const part = Buffer.alloc(end - start + 1);
    if (start < file.content.length) file.content.copy(part, 0, start, end + 1);
    return response
      .writeHead(206, {
        'content-range': `bytes ${start}-${end}/${file.size}`,
        'content-length': part.length,
        etag: '"1"',
      })
      .end(part);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    async address(wish) {
      const path = `/${Buffer.from(JSON.stringify(wish)).toString('base64url')}`;
      if (!files.has(path)) {
        const content = await contentOf(materials, wish);
        files.set(path, { content, size: wish.bytes ?? content.length });
      }
      return `http://127.0.0.1:${port}${path}`;
    },
    close: () => new Promise((done) => server.close(() => done())),
  };
}
