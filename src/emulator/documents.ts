import { inflateSync } from 'node:zlib';

/** A document recognised by its content. No pages: it cannot be opened. */
export interface DocumentFacts {
  readonly format: 'pdf' | 'pptx' | 'ppt';
  readonly pages: number;
}

const endOfDirectory = Buffer.from('PK\x05\x06', 'latin1');
const directoryEntry = Buffer.from('PK\x01\x02', 'latin1');

/** The file names in a zip, from the directory at its end; nothing is unpacked. */
function zipNames(zip: Buffer): string[] {
  const end = zip.lastIndexOf(endOfDirectory);
  if (end < 0 || end + 22 > zip.length) return [];
  const names: string[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (at + 46 > zip.length || zip.compare(directoryEntry, 0, 4, at, at + 4) !== 0) return [];
    const [name, extra, comment] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    names.push(zip.toString('utf8', at + 46, at + 46 + (name ?? 0)));
    at += 46 + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return names;
}

/** `/Type /Page`, but not `/Type /Pages`. */
const pdfPage = /\/Type\s*\/Page(?![A-Za-z])/g;
const largestObjectStream = 32 * 1024 * 1024;

/** Page objects in the open and in packed object streams (since PDF 1.5). Encrypted files show none. */
function pdfPages(file: Buffer): number {
  const text = file.toString('latin1');
  let pages = text.match(pdfPage)?.length ?? 0;
  for (const { index } of text.matchAll(/\/Type\s*\/ObjStm/g)) {
    const begin = /stream\r?\n/g;
    begin.lastIndex = index;
    const start = begin.exec(text) && begin.lastIndex;
    const end = start ? text.indexOf('endstream', start) : -1;
    if (!start || end < 0) continue;
    try {
      const objects = inflateSync(file.subarray(start, end), { maxOutputLength: largestObjectStream });
      pages += objects.toString('latin1').match(pdfPage)?.length ?? 0;
    } catch {
      // Packed in another way: its pages stay uncounted.
    }
  }
  return pages;
}

/** Header of the list of slides (type 0x0ff0, instance 0) and of one slide in it (type 0x03f3, 20 bytes). */
const slideList = Buffer.from([0x0f, 0x00, 0xf0, 0x0f]);
const slidePersist = Buffer.from([0x00, 0x00, 0xf3, 0x03, 0x14, 0x00, 0x00, 0x00]);

function occurrences(file: Buffer, mark: Buffer, from = 0, to = file.length): number {
  let count = 0;
  for (let at = file.indexOf(mark, from); at >= 0 && at < to; at = file.indexOf(mark, at + mark.length))
    count += 1;
  return count;
}

/**
 * Slides of a binary presentation: the entries of its last list of slides, which is the valid one after
 * later saves. The sectors of the container are not put in order first, so a list that lies in pieces
 * may be counted short; an old file without a readable list counts as one page.
 */
function pptPages(file: Buffer): number {
  const at = file.lastIndexOf(slideList);
  if (at < 0 || at + 8 > file.length) return 1;
  const length = file.readUInt32LE(at + 4);
  return Math.max(1, occurrences(file, slidePersist, at + 8, at + 8 + length));
}

/** Reads what a document is and how many pages it has; undefined when it is none of the three kinds. */
export function readDocument(file: Buffer): DocumentFacts | undefined {
  if (file.toString('latin1', 0, 5) === '%PDF-') return { format: 'pdf', pages: pdfPages(file) };
  if (file.toString('hex', 0, 8) === 'd0cf11e0a1b11ae1') return { format: 'ppt', pages: pptPages(file) };
  if (file.toString('latin1', 0, 4) !== 'PK\x03\x04') return undefined;
  const names = zipNames(file);
  if (!names.some((name) => name.startsWith('ppt/'))) return undefined;
  return {
    format: 'pptx',
    pages: names.filter((name) => /^ppt\/slides\/slide\d+\.xml$/.test(name)).length,
  };
}
