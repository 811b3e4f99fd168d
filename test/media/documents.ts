import { crc32, deflateRawSync } from 'node:zlib';
import cfb from 'cfb';

/** A PDF with this many pages and this many bytes of comment after each. */
export function pdf(pages: number, padding = 0): Buffer {
  const offsets: number[] = [];
  const parts: string[] = [];
  let length = 0;
  const add = (text: string) => {
    parts.push(text);
    length += text.length;
  };
  const object = (number: number, text: string) => {
    offsets[number] = length;
    add(`${number} 0 obj\n${text}\nendobj\n`);
  };
  add('%PDF-1.4\n');
  object(1, '<< /Type /Catalog /Pages 2 0 R >>');
  const kids = Array.from({ length: pages }, (_, page) => `${page + 3} 0 R`);
  for (let page = 0; page < pages; page++) {
    object(page + 3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>');
    add(`%${'x'.repeat(padding)}\n`);
  }
  object(2, `<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${pages} >>`);
  const table = length;
  const rows = offsets.slice(1).map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`);
  add(`xref\n0 ${pages + 3}\n0000000000 65535 f \n${rows.join('')}`);
  add(`trailer\n<< /Size ${pages + 3} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF`);
  return Buffer.from(parts.join(''), 'latin1');
}

/** A zip archive; every entry packed. */
export function zip(entries: ReadonlyArray<readonly [name: string, content: Uint8Array | string]>): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of entries) {
    const bytes = Buffer.from(content as string);
    const packed = deflateRawSync(bytes, { level: 0 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const where = Buffer.alloc(14);
    where.writeUInt32LE(offset, 10);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    files.push(file);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, where, Buffer.from(name));
    offset += file.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, ...directory, Buffer.from('PK\x05\x06'), end]);
}

/** A presentation with slides, and with `sections` that list them again; `media` goes before the rest. */
export function pptx(slides: number, media: Uint8Array = Buffer.alloc(10), strays = 0): Buffer {
  const ids = Array.from({ length: slides }, (_, at) => `<p:sldId id="${256 + at}" r:id="rId${at}"/>`);
  const again = ids.map((id) => id.replace('p:', 'p14:')).join('');
  const presentation = [
    '<p:presentation><p:sldMasterIdLst><p:sldMasterId id="1"/></p:sldMasterIdLst>',
    `<p:sldIdLst>${ids.join('')}</p:sldIdLst><p:sldSz cx="1" cy="1"/>`,
    `<p:extLst><p:ext><p14:sectionLst><p14:sldIdLst>${again}</p14:sldIdLst></p14:sectionLst></p:ext></p:extLst>`,
    '</p:presentation>',
  ].join('');
  const pages = Array.from(
    { length: slides + strays },
    (_, at) => [`ppt/slides/slide${at + 1}.xml`, ''] as const,
  );
  return zip([
    ['[Content_Types].xml', '<Types/>'],
    ['ppt/media/image1.png', media],
    ...pages,
    ['ppt/presentation.xml', presentation],
  ]);
}

function record(options: number, type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(options, 0);
  header.writeUInt16LE(type, 2);
  header.writeUInt32LE(body.length, 4);
  return Buffer.concat([header, body]);
}

/** A document record with a list of slides, one of masters and one of notes. */
function pptDocument(slides: number): Buffer {
  const persist = (count: number) =>
    Buffer.concat(Array.from({ length: count }, () => record(0, 0x03f3, Buffer.alloc(20))));
  return record(
    0x000f,
    0x03e8,
    Buffer.concat([
      record(1, 0x03e9, Buffer.alloc(40)),
      record(0x001f, 0x0ff0, persist(3)),
      record(0x000f, 0x0ff0, persist(slides)),
      record(0x002f, 0x0ff0, persist(slides)),
    ]),
  );
}

/** A binary presentation that was saved once for each number of slides. */
export function ppt(...saves: number[]): Buffer {
  return compound({
    'PowerPoint Document': Buffer.concat(saves.map(pptDocument)),
    Pictures: Buffer.alloc(90_000),
  });
}

/** An OLE compound file with these streams. */
export function compound(streams: Readonly<Record<string, Buffer>>): Buffer {
  const container = cfb.utils.cfb_new();
  for (const [name, content] of Object.entries(streams)) cfb.utils.cfb_add(container, `/${name}`, content);
  return Buffer.from(cfb.write(container, { type: 'buffer' }) as Uint8Array);
}
