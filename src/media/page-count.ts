import { Readable } from 'node:stream';
import { Failure } from '../core/failure.ts';
import type { ReadAhead } from './read-ahead.ts';

const mostBytes = 100 * 1024 * 1024;
const mostEntries = 20_000;
const mostXmlBytes = 16 * 1024 * 1024;

function unusable(message: string, advice: string, cause?: unknown): Failure {
  return new Failure({ kind: 'media', message, advice, cause });
}

const broken = (name: string, cause?: unknown) =>
  unusable(`The ${name} cannot be read: it is broken or cut short.`, 'Save or export it again.', cause);

const locked = (name: string) =>
  unusable(`The ${name} is protected by a password.`, 'Save it without a password.');

/** The whole file in memory. Undefined when its server gives only a part. */
async function whole(file: ReadAhead, name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (file.size > mostBytes)
    throw unusable(
      `The ${name} has ${file.size} bytes; only up to ${mostBytes} are opened.`,
      'Split it, or make its pictures smaller.',
    );
  const bytes = await file.readAll();
  return file.missed ? undefined : bytes;
}

async function pdfPages(file: ReadAhead): Promise<number | undefined> {
  const bytes = await whole(file, 'PDF');
  if (!bytes) return undefined;
  const { getDocumentProxy } = await import('unpdf');
  try {
    const document = await getDocumentProxy(bytes, { verbosity: 0 });
    const pages = document.numPages;
    await document.destroy();
    return pages;
  } catch (error) {
    throw error instanceof Error && error.name === 'PasswordException' ? locked('PDF') : broken('PDF', error);
  }
}

async function* stretches(file: ReadAhead, start: number, end: number): AsyncGenerator<Uint8Array> {
  const step = 64 * 1024;
  for (let at = start; at < end; at += step) yield await file.read(at, Math.min(step, end - at));
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > mostXmlBytes) throw new Error(`above ${mostXmlBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The slides that the presentation lists. Sections list them once more, in an extension behind. */
function listedSlides(presentation: string): number {
  const [own = ''] = presentation.split(/<(?:\w+:)?extLst[\s>]/);
  return own.match(/<(?:\w+:)?sldId[\s/>]/g)?.length ?? 0;
}

/** Reads the directory at the end of the archive and one small entry, not the pictures. */
async function pptxPages(file: ReadAhead): Promise<number | undefined> {
  // CommonJS: once bundled, it has a default export and no other.
  const { default: yauzl } = await import('yauzl');
  class Archive extends yauzl.RandomAccessReader {
    override _readStreamForRange(start: number, end: number): Readable {
      return Readable.from(stretches(file, start, end), { objectMode: false });
    }
  }
  let names = 0;
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new Archive(), file.size, { autoClose: false });
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName === 'ppt/presentation.xml')
        return listedSlides(await textOf(await zip.openReadStreamPromise(entry)));
      names += 1;
      if (names > mostEntries) throw new Error(`above ${mostEntries} entries`);
    }
  } catch (error) {
    if (file.missed) return undefined;
    throw error instanceof Failure ? error : broken('presentation', error);
  }
  throw unusable('The file is a zip archive, but no presentation.', 'Give a ppt, pptx or pdf file.');
}

const recordHeader = 8;
const slideListWithText = 0x0ff0;
const slidePersist = 0x03f3;
/** Version 15 marks a record that contains others; the instance above it is 0 for slides, 1 masters, 2 notes. */
const slideListOfSlides = 0x000f;

/** Slides of the last list of slides in a `PowerPoint Document` stream: later saves append a new one. */
function persistedSlides(stream: Buffer): number | undefined {
  let slides: number | undefined;
  const walk = (from: number, to: number, inList: boolean, depth: number): void => {
    for (let at = from; at + recordHeader <= to; ) {
      const options = stream.readUInt16LE(at);
      const type = stream.readUInt16LE(at + 2);
      const end = at + recordHeader + stream.readUInt32LE(at + 4);
      if (end > to) return;
      if (inList && type === slidePersist) slides = (slides ?? 0) + 1;
      const isList = type === slideListWithText && options === slideListOfSlides;
      if (isList) slides = 0;
      const isDocument = type === 0x03e8;
      if ((isList || isDocument) && depth < 4) walk(at + recordHeader, end, isList, depth + 1);
      at = end;
    }
  };
  walk(0, stream.length, false, 0);
  return slides;
}

async function pptPages(file: ReadAhead): Promise<number | undefined> {
  const bytes = await whole(file, 'presentation');
  if (!bytes) return undefined;
  const { default: cfb } = await import('cfb');
  const open = () => {
    try {
      return cfb.read(Buffer.from(bytes.buffer), { type: 'buffer' });
    } catch (error) {
      throw broken('presentation', error);
    }
  };
  const compound = open();
  if (cfb.find(compound, 'EncryptedPackage') ?? cfb.find(compound, 'EncryptedSummary'))
    throw locked('presentation');
  const stream = cfb.find(compound, 'PowerPoint Document');
  if (!stream)
    throw unusable('The file is an old Office file, but no presentation.', 'Give a ppt, pptx or pdf file.');
  const slides = persistedSlides(Buffer.from(stream.content));
  if (slides === undefined) throw broken('presentation');
  return slides;
}

const counters: Readonly<Record<string, (file: ReadAhead) => Promise<number | undefined>>> = {
  pdf: pdfPages,
  pptx: pptxPages,
  ppt: pptPages,
};

/**
 * Pages of a pdf, slides of a pptx or ppt; undefined when its server gives only the beginning.
 * @throws `media` when it is broken, locked, another kind of office file, or above 100 MiB
 */
export async function countPages(file: ReadAhead, format: string): Promise<number | undefined> {
  return counters[format]?.(file);
}
