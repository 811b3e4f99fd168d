import { crc32, deflateSync } from 'node:zlib';

/** A zip whose files are stored, not packed. */
function storedZip(names: readonly string[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const name of names) {
    const data = Buffer.from(`<xml>${name}</xml>`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const entry = Buffer.alloc(16);
    entry.writeUInt32LE(offset, 12);
    const made = Buffer.from([20, 0]);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02'), made, common, entry.subarray(2), Buffer.from(name)]),
    );
    offset += file.length;
    files.push(file);
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(names.length, 8);
  end.writeUInt16LE(names.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listed, end]);
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

export function pptx(pages: number): Buffer {
  const slides = numbers(pages).flatMap((page) => [
    `ppt/slides/slide${page}.xml`,
    `ppt/slides/_rels/slide${page}.xml.rels`,
  ]);
  return storedZip([
    '[Content_Types].xml',
    'ppt/presentation.xml',
    'ppt/slideLayouts/slideLayout1.xml',
    ...slides,
  ]);
}

/** A zip that is no presentation. */
export const plainZip = () => storedZip(['word/document.xml', 'slide1.xml']);

export function pdf(pages: number): Buffer {
  const objects = numbers(pages).map(
    (page) => `${page + 2} 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n`,
  );
  const tree = `2 0 obj\n<< /Type /Pages /Count ${pages} >>\nendobj\n`;
  return Buffer.from(
    `%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n${tree}${objects.join('')}%%EOF\n`,
  );
}

/** Pages inside a packed object stream, as programs write them since PDF 1.5. */
export function packedPdf(pages: number): Buffer {
  const objects = numbers(pages).map(() => '<</Type/Page/Parent 2 0 R>>');
  const packed = deflateSync(Buffer.from(`<</Type/Pages/Count ${pages}>>${objects.join('')}`));
  const head = `%PDF-1.5\n9 0 obj\n<</Type/ObjStm/Filter/FlateDecode/Length ${packed.length}>>stream\n`;
  return Buffer.concat([Buffer.from(head), packed, Buffer.from('\nendstream\nendobj\n%%EOF\n')]);
}

/** A binary presentation: an older list of slides with one more page, then the valid one, then the notes. */
export function ppt(pages: number): Buffer {
  const list = (instance: number, count: number) => {
    const records = numbers(count).map(() =>
      Buffer.from(['00', '00', 'f3', '03', '14', '00', '00', '00'].join(''), 'hex'),
    );
    const body = Buffer.concat(records.map((record) => Buffer.concat([record, Buffer.alloc(20)])));
    const head = Buffer.from([(instance << 4) | 0x0f, 0, 0xf0, 0x0f, 0, 0, 0, 0]);
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body]);
  };
  const magic = Buffer.from('d0cf11e0a1b11ae1', 'hex');
  return Buffer.concat([magic, Buffer.alloc(504), list(0, pages + 1), list(0, pages), list(2, 3)]);
}
