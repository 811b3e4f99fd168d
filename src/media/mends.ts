import type { MediaKind } from '../core/operation.ts';

/** What mends a file, as a command that can be copied. File names stand for the user's own. */

const even = (value: number) => 2 * Math.round(value / 2);
const ending: Readonly<Record<MediaKind, string>> = {
  image: 'jpg',
  audio: 'mp3',
  video: 'mp4',
  document: 'pdf',
};
const ffmpeg = (kind: MediaKind, options: string, format = ending[kind]) =>
  `ffmpeg -i input ${options} output.${format}`;

export function otherKind(kind: MediaKind, formats: readonly string[]): string {
  const named = formats.length > 0 ? ` (${formats.join(', ')})` : '';
  const sound = kind === 'audio' ? ` From a video, take its sound: ${ffmpeg(kind, '-vn')}` : '';
  return `Give ${kind === 'audio' || kind === 'image' ? 'an' : 'a'} ${kind} file${named}.${sound}`;
}

export function format(kind: MediaKind, formats: readonly string[]): string {
  if (kind === 'document') return `Export it as ${formats.join(' or ')}.`;
  const target = formats.includes(ending[kind]) ? ending[kind] : (formats[0] ?? ending[kind]);
  return `Convert it: ${ffmpeg(kind, kind === 'video' ? '-c:v libx264 -pix_fmt yuv420p -c:a aac' : '', target).replace('  ', ' ')}`;
}

export function seconds(kind: MediaKind, found: number, [low, high]: readonly [number, number]): string {
  if (found < low) return `Use a longer one, of ${low} s at least.`;
  // A little less than allowed: an encoder rounds up to whole frames.
  const length = high > 10 ? high - 0.5 : high;
  return `Cut it: ${ffmpeg(kind, `-t ${length}`)}`;
}

export function bytes(kind: MediaKind): string {
  switch (kind) {
    case 'image':
      return `Compress it: ${ffmpeg(kind, '-q:v 4')}`;
    case 'audio':
      return `Compress it: ${ffmpeg(kind, '-b:a 96k')}`;
    case 'video':
      return `Compress it: ${ffmpeg(kind, '-c:v libx264 -crf 28 -c:a aac')}`;
    case 'document':
      return 'Compress its pictures, or split it.';
  }
}

type Size = readonly [width: number, height: number];

export function side(kind: MediaKind, [width, height]: Size, [low, high]: readonly [number, number]): string {
  const factor =
    Math.max(width, height) > high ? high / Math.max(width, height) : low / Math.min(width, height);
  const [wide, tall] = [width * factor, height * factor].map(even) as [number, number];
  if (Math.min(wide, tall) < low || Math.max(wide, tall) > high)
    return 'Crop it to a less long shape first, then scale it.';
  return `Scale it: ${ffmpeg(kind, `-vf scale=${wide}:${tall}`)}`;
}

export function ratio(
  kind: MediaKind,
  [width, height]: Size,
  [low, high]: readonly [number, number],
): string {
  const [wide, tall] = width / height > high ? [height * high, height] : [width, width / low];
  // Rounded down, so that the cut lies inside the picture and inside the ratio.
  return `Crop it: ${ffmpeg(kind, `-vf crop=${2 * Math.floor(wide / 2)}:${2 * Math.floor(tall / 2)}`)}`;
}

export function frameRate([low, high]: readonly [number, number]): string {
  return `Set another: ${ffmpeg('video', `-r ${Math.min(Math.max(25, low), high)} -c:a copy`)}`;
}

export const codec = `Encode it anew: ${ffmpeg('video', '-c:v libx264 -pix_fmt yuv420p -c:a aac')}`;
