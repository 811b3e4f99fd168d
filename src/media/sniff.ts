/** What the first bytes say. `family` decides who reads on. */
export interface Sniffed {
  readonly family: 'image' | 'document' | 'text' | 'stream';
  readonly format: string;
}

const signatures: ReadonlyArray<readonly [at: number, bytes: string, found: Sniffed]> = [
  [0, '\xff\xd8\xff', { family: 'image', format: 'jpg' }],
  [0, '\x89PNG\r\n\x1a\n', { family: 'image', format: 'png' }],
  [8, 'WEBP', { family: 'image', format: 'webp' }],
  [0, 'GIF8', { family: 'image', format: 'gif' }],
  [0, '%PDF-', { family: 'document', format: 'pdf' }],
  [0, 'PK\x03\x04', { family: 'document', format: 'pptx' }],
  [0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', { family: 'document', format: 'ppt' }],
  [4, 'ftypqt  ', { family: 'stream', format: 'mov' }],
  [4, 'ftypM4A', { family: 'stream', format: 'm4a' }],
  [4, 'ftypM4B', { family: 'stream', format: 'm4a' }],
  [4, 'ftyp', { family: 'stream', format: 'mp4' }],
];

const bitmapHeaders = new Set([12, 40, 52, 56, 64, 108, 124]);

/** `BM` alone begins many things; the size of the header behind it does not. */
function isBitmap(head: Buffer): boolean {
  return (
    head.length >= 26 && head.toString('latin1', 0, 2) === 'BM' && bitmapHeaders.has(head.readUInt32LE(14))
  );
}

/** No control characters but white space, and sound UTF-8 up to a character that the end may cut. */
function isText(head: Buffer): boolean {
  if (head.some((byte) => byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)) return false;
  return !head.toString('utf8').slice(0, -3).includes('\ufffd');
}

/** Where a PDF may begin: readers allow a kilobyte of anything before it. */
const pdfSearch = 1024;

/** Names the content by its first kilobytes; undefined when another reader has to find out. */
export function sniff(bytes: Uint8Array): Sniffed | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096));
  for (const [at, mark, found] of signatures)
    if (head.toString('latin1', at, at + mark.length) === mark) return found;
  if (isBitmap(head)) return { family: 'image', format: 'bmp' };
  if (head.toString('latin1', 0, pdfSearch).includes('%PDF-')) return { family: 'document', format: 'pdf' };
  return isText(head) ? { family: 'text', format: 'text' } : undefined;
}
