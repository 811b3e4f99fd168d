import { randomBytes } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MediaFacts } from '../../src/core/media-facts.ts';
import { probe } from '../../src/media/probe.ts';
import type { RangedSource } from '../../src/media/ranged-source.ts';
import { urlSource } from '../../src/media/url-source.ts';
import { compound, pdf, ppt, pptx, zip } from './documents.ts';
import { loopback, ranged, wholly } from './loopback.ts';
import { Materials } from './materials.ts';

const megabyte = 1024 * 1024;
let materials: Materials;
beforeAll(async () => {
  materials = await Materials.open();
});
afterAll(() => materials.close());

async function overHttp(
  answer: Parameters<typeof loopback>[0],
): Promise<{ facts: MediaFacts; used: RangedSource['used'] }> {
  const server = await loopback(answer);
  const source = await urlSource(server.url, { allowPrivateAddresses: true });
  try {
    return { facts: await probe(source), used: { ...source.used } };
  } finally {
    await source.close();
    await server.close();
  }
}

describe('pages', () => {
  it.each([
    ['one page', 'pdf', pdf(1), 1],
    ['fifty-one pages', 'pdf', pdf(51, 300), 51],
    ['a pdf behind other bytes', 'pdf', Buffer.concat([Buffer.from([0, 1, 2]), pdf(3)]), 3],
    ['a pdf of two megabytes', 'pdf', pdf(20, 100_000), 20],
    ['slides with sections', 'pptx', pptx(7), 7],
    ['slides and left-overs', 'pptx', pptx(4, undefined, 3), 4],
    ['no slides', 'pptx', pptx(0), 0],
    ['a binary presentation', 'ppt', ppt(12), 12],
    ['a binary presentation saved thrice', 'ppt', ppt(3, 9, 5), 5],
  ])('%s: %s', async (_name, format, content, pages) => {
    await materials.write('document', content);
    expect(await materials.probe('document')).toMatchObject({ format, kind: 'document', pages });
  });

  it.each([
    ['a broken pdf', Buffer.from('%PDF-1.7\n\u0000 nothing'), /broken/],
    ['a cut pdf', pdf(40, 500).subarray(0, 3000), /broken/],
    ['another zip archive', zip([['word/document.xml', '<w/>']]), /no presentation/],
    ['a cut presentation', pptx(5).subarray(0, 400), /broken/],
    ['another old Office file', compound({ WordDocument: Buffer.alloc(9000) }), /no presentation/],
    ['a locked presentation', compound({ EncryptedPackage: Buffer.alloc(9000) }), /password/],
    ['a cut binary presentation', ppt(5).subarray(0, 700), /broken|no presentation/],
    ['a presentation without a list', compound({ 'PowerPoint Document': Buffer.alloc(9000) }), /broken/],
  ])('%s is refused', async (_name, content, message) => {
    await materials.write('document', content);
    await expect(materials.probe('document')).rejects.toMatchObject({ kind: 'media', message });
  });

  it('opens no pdf and no ppt above 100 MiB, but any pptx', async () => {
    await materials.write('huge.pdf', pdf(2));
    await materials.write('huge.ppt', ppt(2));
    for (const name of ['huge.pdf', 'huge.ppt']) {
      await truncate(materials.path(name), 101 * megabyte);
      await expect(materials.probe(name)).rejects.toMatchObject({
        kind: 'media',
        message: /105906176 bytes/,
      });
    }
  });

  it('a presentation of 30 MB over HTTP is read for its directory only', async () => {
    await materials.write('slides.pptx', pptx(30, randomBytes(30_000_000)));
    const { facts, used } = await overHttp(ranged(materials.path('slides.pptx')));
    expect(facts).toMatchObject({ format: 'pptx', pages: 30 });
    expect(used.requests).toBeLessThanOrEqual(3);
    expect(used.bytes).toBeLessThan(megabyte / 2);
  });

  it('a pdf and a ppt over HTTP are read once', async () => {
    await materials.write('book.pdf', pdf(40, 100_000));
    await materials.write('old.ppt', ppt(40));
    const size = await materials.bytes('book.pdf');
    const book = await overHttp(ranged(materials.path('book.pdf')));
    expect(book.facts).toMatchObject({ format: 'pdf', pages: 40, complete: true });
    expect(book.used).toEqual({ requests: 2, bytes: size + 256 * 1024 });
    const old = await overHttp(wholly(materials.path('old.ppt')));
    expect(old.facts).toMatchObject({ format: 'ppt', pages: 40, complete: true });
    expect(old.used.requests).toBe(1);
  });

  it('without ranges, a document above 16 MiB keeps its pages to itself', async () => {
    await materials.write('slides.pptx', pptx(30, randomBytes(20_000_000)));
    await materials.write('book.pdf', pdf(20, 1_000_000));
    for (const name of ['slides.pptx', 'book.pdf']) {
      const { facts, used } = await overHttp(wholly(materials.path(name)));
      expect(facts).toMatchObject({ kind: 'document', complete: false });
      expect(facts.pages).toBeUndefined();
      expect(used.bytes).toBeLessThan(17 * megabyte);
    }
  });
});
