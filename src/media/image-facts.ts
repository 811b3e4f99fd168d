import type { ReadAhead } from './read-ahead.ts';

/** Pixels as shown, and whether the end of the file is missing. */
export interface ImageFacts {
  readonly width: number;
  readonly height: number;
  readonly truncated: boolean;
}

interface Size {
  readonly width: number;
  readonly height: number;
  /** Behind thumbnails, which have an end mark of their own. */
  readonly pictureAt?: number;
}
type Reader = (file: ReadAhead) => Promise<Size | undefined>;

const tailBytes = 64 * 1024;
const wholeBytes = 16 * 1024 * 1024;

async function bytesAt(file: ReadAhead, start: number, length: number): Promise<DataView | undefined> {
  const bytes = await file.read(start, length);
  return bytes.length === length ? new DataView(bytes.buffer, bytes.byteOffset, length) : undefined;
}

/** EXIF orientation 1 to 8 in a TIFF block that begins with its byte order; 5 to 8 lie on their side. */
function orientation(tiff: DataView): number {
  const little = tiff.byteLength >= 8 && tiff.getUint16(0) === 0x4949;
  const directory = tiff.byteLength >= 8 ? tiff.getUint32(4, little) : 0;
  if (directory + 2 > tiff.byteLength) return 1;
  const entries = tiff.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > tiff.byteLength) break;
    if (tiff.getUint16(at, little) === 0x0112) return tiff.getUint16(at + 8, little);
  }
  return 1;
}

const isFrameHeader = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Walks the segments up to the frame header; thumbnails and profiles before it may be megabytes long. */
async function jpg(file: ReadAhead): Promise<Size | undefined> {
  let turned = false;
  for (let at = 2; ; ) {
    const segment = await bytesAt(file, at, 4);
    if (!segment || segment.getUint8(0) !== 0xff) return undefined;
    const marker = segment.getUint8(1);
    // Fill bytes, and markers without a length.
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = segment.getUint16(2);
    if (marker === 0xd9 || marker === 0xda || length < 2) return undefined;
    if (isFrameHeader(marker)) {
      const frame = await bytesAt(file, at + 5, 4);
      if (!frame) return undefined;
      const [height, width] = [frame.getUint16(0), frame.getUint16(2)];
      return turned ? { width: height, height: width, pictureAt: at } : { width, height, pictureAt: at };
    }
    const exif = marker === 0xe1 && length > 16 ? await bytesAt(file, at + 4, length - 2) : undefined;
    if (exif?.getUint32(0) === 0x45786966)
      turned = orientation(new DataView(exif.buffer, exif.byteOffset + 6, exif.byteLength - 6)) >= 5;
    at += 2 + length;
  }
}

async function png(file: ReadAhead): Promise<Size | undefined> {
  const header = await bytesAt(file, 16, 8);
  return header && { width: header.getUint32(0), height: header.getUint32(4) };
}

async function gif(file: ReadAhead): Promise<Size | undefined> {
  const header = await bytesAt(file, 6, 4);
  return header && { width: header.getUint16(0, true), height: header.getUint16(2, true) };
}

async function bmp(file: ReadAhead): Promise<Size | undefined> {
  const header = await bytesAt(file, 14, 12);
  if (!header) return undefined;
  if (header.getUint32(0, true) === 12)
    return { width: header.getUint16(4, true), height: header.getUint16(6, true) };
  // A negative height means that the rows run from top to bottom.
  return { width: header.getInt32(4, true), height: Math.abs(header.getInt32(8, true)) };
}

async function webp(file: ReadAhead): Promise<Size | undefined> {
  const header = await bytesAt(file, 12, 18);
  if (!header) return undefined;
  const kind = String.fromCodePoint(
    header.getUint8(0),
    header.getUint8(1),
    header.getUint8(2),
    header.getUint8(3),
  );
  const threeBytes = (at: number) => header.getUint16(at, true) + header.getUint8(at + 2) * 0x10000;
  if (kind === 'VP8X') return { width: 1 + threeBytes(12), height: 1 + threeBytes(15) };
  if (kind === 'VP8 ')
    return { width: header.getUint16(14, true) & 0x3fff, height: header.getUint16(16, true) & 0x3fff };
  if (kind !== 'VP8L') return undefined;
  const bits = header.getUint32(9, true);
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
}

const readers: Readonly<Record<string, Reader>> = { jpg, png, gif, bmp, webp };

const endMarks: Readonly<Record<string, string>> = { jpg: '\xff\xd9', png: 'IEND' };

/**
 * Cameras and editors append data of their own, even whole films. So the end mark is looked for in the last
 * 64 KiB first, and then in all of it; what is too large for that is taken for whole.
 */
async function lacksEnd(file: ReadAhead, mark: string, pictureAt: number): Promise<boolean> {
  const tail = await file.read(Math.max(0, file.size - tailBytes), tailBytes);
  if (file.missed || file.size > wholeBytes || Buffer.from(tail).includes(mark, 0, 'latin1')) return false;
  const whole = Buffer.from(await file.readAll());
  return !file.missed && !whole.includes(mark, pictureAt, 'latin1');
}

async function isCut(file: ReadAhead, format: string, pictureAt: number): Promise<boolean> {
  const mark = endMarks[format];
  if (mark) return lacksEnd(file, mark, pictureAt);
  if (format === 'gif') return false;
  const header = await bytesAt(file, 0, 8);
  const declared = format === 'webp' ? 8 + (header?.getUint32(4, true) ?? 0) : header?.getUint32(2, true);
  return !file.missed && (declared ?? 0) > file.size;
}

/** Reads a jpg, png, gif, bmp or webp; undefined when its header is broken or not all there. */
export async function readImage(file: ReadAhead, format: string): Promise<ImageFacts | undefined> {
  const size = await readers[format]?.(file);
  if (!size || size.width <= 0 || size.height <= 0) return undefined;
  const { width, height, pictureAt = 0 } = size;
  return { width, height, truncated: await isCut(file, format, pictureAt) };
}
