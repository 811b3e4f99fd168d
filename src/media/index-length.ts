const asfHeader = '3026b2758e66cf11a6d900aa0062ce6c';

/** Bytes of the ID3v2 tag at the start of a file, else 0. Its size field has seven bits to the byte. */
export function id3Length(head: Buffer): number {
  if (head.length < 10 || head.toString('latin1', 0, 3) !== 'ID3') return 0;
  return 10 + [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (head.readUInt8(at) & 0x7f), 0);
}

/** Type and bytes of the ISO box at this place of a chunk; bytes 0: up to the end of the file. */
function boxAt(chunk: Buffer, at: number): { type: string; length: number } | undefined {
  if (at + 16 > chunk.length) return undefined;
  const type = chunk.toString('latin1', at + 4, at + 8);
  const short = chunk.readUInt32BE(at);
  const length = short === 1 ? Number(chunk.readBigUInt64BE(at + 8)) : short;
  return /^[\w ]{4}$/.test(type) && (length === 0 || length >= 8) ? { type, length } : undefined;
}

/**
 * Bytes from the start of a chunk to the end of the description of the media that begins in it: the `moov`
 * box of MP4 and MOV, the header object of ASF, or the ID3 tag before sound. All of them may hold pictures
 * or long tables, and a parser that is stopped inside them learns nothing. 0 when none begins here.
 * @param chunk bytes from the beginning of a file, or of a box
 */
export function indexLength(bytes: Uint8Array): number {
  const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (chunk.length >= 24 && chunk.toString('hex', 0, 16) === asfHeader)
    return Number(chunk.readBigUInt64LE(16));
  let at = 0;
  for (let box = boxAt(chunk, 0); box && box.length > 0; box = boxAt(chunk, at)) {
    at += box.length;
    if (box.type === 'moov') return at;
  }
  return id3Length(chunk);
}
