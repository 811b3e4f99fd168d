/** A container recognised by its first bytes: our name for it, and ffmpeg's demuxer. */
export interface Container {
  /** As in `MediaLimits.formats`: lower case, `jpg` for JPEG. */
  readonly format: string;
  readonly demuxer: string;
}

const movBoxes = new Set(['moov', 'mdat', 'wide', 'free', 'skip', 'pnot']);

/** Length of an ID3v2 tag in front of the sound, else 0. Its size field has seven bits to the byte. */
function id3Length(head: Buffer): number {
  if (head.toString('latin1', 0, 3) !== 'ID3' || head.length < 10) return 0;
  const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((head[at] ?? 0) & 0x7f), 0);
  return 10 + size;
}

function mpegAudio(head: Buffer): Container | undefined {
  const tag = id3Length(head);
  const second = head[tag + 1] ?? 0;
  const sync = head[tag] === 0xff && (second & 0xe0) === 0xe0;
  // A long tag hides the first frame; music with such a tag is MP3 nearly always.
  if (!sync) return tag ? { format: 'mp3', demuxer: 'mp3' } : undefined;
  // Layer bits 00 mark ADTS, which is AAC.
  return (second & 0xf6) === 0xf0 ? { format: 'aac', demuxer: 'aac' } : { format: 'mp3', demuxer: 'mp3' };
}

function isoMedia(head: Buffer): Container | undefined {
  const box = head.toString('latin1', 4, 8);
  if (movBoxes.has(box)) return { format: 'mov', demuxer: 'mov' };
  if (box !== 'ftyp') return undefined;
  const brand = head.toString('latin1', 8, 12);
  if (brand === 'qt  ') return { format: 'mov', demuxer: 'mov' };
  return { format: brand.startsWith('M4A') || brand.startsWith('M4B') ? 'm4a' : 'mp4', demuxer: 'mov' };
}

const signatures: ReadonlyArray<readonly [string, number, Container]> = [
  ['\xff\xd8\xff', 0, { format: 'jpg', demuxer: 'jpeg_pipe' }],
  ['\x89PNG\r\n\x1a\n', 0, { format: 'png', demuxer: 'png_pipe' }],
  ['WEBP', 8, { format: 'webp', demuxer: 'webp_pipe' }],
  ['WAVE', 8, { format: 'wav', demuxer: 'wav' }],
  ['AVI ', 8, { format: 'avi', demuxer: 'avi' }],
  ['GIF8', 0, { format: 'gif', demuxer: 'gif' }],
  ['OggS', 0, { format: 'ogg', demuxer: 'ogg' }],
  ['fLaC', 0, { format: 'flac', demuxer: 'flac' }],
  ['II*\x00', 0, { format: 'tiff', demuxer: 'tiff_pipe' }],
  ['MM\x00*', 0, { format: 'tiff', demuxer: 'tiff_pipe' }],
  ['\x1a\x45\xdf\xa3', 0, { format: 'mkv', demuxer: 'matroska' }],
  ['\x30\x26\xb2\x75\x8e\x66\xcf\x11', 0, { format: 'wma', demuxer: 'asf' }],
  ['#!AMR', 0, { format: 'amr', demuxer: 'amr' }],
  ['BM', 0, { format: 'bmp', demuxer: 'bmp_pipe' }],
];

/**
 * Names the container of a file from its first 4 kB. The demuxer is then forced on ffmpeg,
 * so that a playlist sent as a "video" can never make it open other files.
 */
export function sniff(head: Buffer): Container | undefined {
  for (const [bytes, at, container] of signatures)
    if (head.toString('latin1', at, at + bytes.length) === bytes) return container;
  return isoMedia(head) ?? mpegAudio(head);
}
