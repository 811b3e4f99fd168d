import { writeFile } from 'node:fs/promises';
import type { MediaFile } from './inputs.ts';
import {
  aac,
  concatList,
  even,
  from,
  h264,
  markGraph,
  ownFrameRate,
  type Recording,
  type Rendered,
  type Size,
  type Studio,
  upTo,
} from './render.ts';

export interface DubbedClip {
  readonly clip: MediaFile;
  readonly audio: Recording;
  /** Length of the result. */
  readonly seconds: number;
  /** The stretch of the clip that is played, in seconds; by default all of it. */
  readonly stretch?: readonly [number, number];
  /** When the stretch is too short: `back` plays it backwards and forwards in turn, `again` from its start. */
  readonly loop: 'back' | 'again';
  /** By default the clip's own. */
  readonly frameRate?: number;
  /** By default the clip's own. */
  readonly size?: Size;
  /** Bits a second of the picture; by default what the quality needs. */
  readonly bitRate?: number;
}

/** Reversing holds raw frames in memory; this much of them at a time. */
const reverseBytes = 192 * 1024 * 1024;

type Draft = (name: string) => string;

/** The clip with the new sound, cut or lengthened to `seconds`. */
export async function dubbedClip(studio: Studio, wanted: DubbedClip): Promise<Rendered> {
  const { clip, audio, seconds, stretch, loop, bitRate = 0 } = wanted;
  const [first, last] = stretch ?? [0, clip.seconds ?? seconds];
  const rate = wanted.frameRate ?? clip.frameRate ?? ownFrameRate;
  const [width, height] = wanted.size ?? [even(clip.width ?? 640), even(clip.height ?? 640)];
  const key = ['clip', clip.digest, audio.digest, seconds, first, last, loop, rate, width, height, bitRate];
  return studio.once(key, 'mp4', async (output) =>
    studio.withDrafts(async (draft) => {
      const pieces = { clip, first, last, rate, seconds };
      const pictures =
        seconds > last - first || first > 0
          ? ['-f', 'concat', '-safe', '0', '-i', await lengthened(studio, pieces, loop, draft)]
          : from(clip);
      const graph = [
        `[0:v]fps=${rate},scale=${width}:${height},setsar=1[clip]`,
        ...markGraph('clip', width),
        '[1:a]apad[sound]',
      ];
      const sources = [...pictures, ...from(audio), ...from(await studio.mark)];
      const made = ['-filter_complex', graph.join(';'), '-map', '[out]', '-map', '[sound]', ...h264, ...aac];
      // A quality of -1 is none: the bit rate decides.
      const fixedRate = bitRate ? ['-crf', '-1', '-b:v', String(bitRate)] : [];
      await studio.run([...sources, ...made, ...fixedRate, ...upTo(seconds), output]);
    }),
  );
}

interface Pieces {
  readonly clip: MediaFile;
  readonly first: number;
  readonly last: number;
  readonly rate: number;
  readonly seconds: number;
}

/**
 * Writes a concat list: the stretch, then backwards or again, until `seconds` are full.
 * The backward pass is made in pieces, last piece first, so that memory stays bounded.
 */
async function lengthened(
  studio: Studio,
  pieces: Pieces,
  loop: 'back' | 'again',
  draft: Draft,
): Promise<string> {
  const { clip, first, last, rate, seconds } = pieces;
  const piecewise = [...h264, '-r', String(rate), '-video_track_timescale', '90000', '-an', '-f', 'mp4'];
  const forward = draft('forward');
  const tidy = `fps=${rate},scale=trunc(iw/2)*2:trunc(ih/2)*2,setsar=1`;
  const frames = Math.max(1, Math.round((last - first) * rate));
  const cut = [...(first > 0 ? ['-ss', first.toFixed(3)] : []), ...from(clip), '-map', '0:v:0', '-vf', tidy];
  const length = ['-frames:v', String(frames), '-g', String(Math.ceil(rate))];
  await studio.run([...cut, ...length, ...piecewise, forward]);

  const backward: string[] = [];
  const passes = Math.ceil(seconds / (last - first)) + 1;
  if (loop === 'back' && seconds > last - first) {
    const frameBytes = (clip.width ?? 640) * (clip.height ?? 640) * 1.5;
    const step = Math.max(1, Math.min(frames, Math.floor(reverseBytes / frameBytes)));
    for (let start = Math.floor((frames - 1) / step) * step; start >= 0; start -= step) {
      const piece = draft('backward');
      // Half a frame early, so that rounding can never skip the first frame of the piece.
      const at = Math.max(0, (start - 0.5) / rate).toFixed(6);
      const filter = `trim=end_frame=${step},setpts=PTS-STARTPTS,reverse`;
      await studio.run(['-ss', at, '-f', 'mp4', '-i', forward, '-vf', filter, ...piecewise, piece]);
      backward.push(piece);
    }
  }
  const turned = loop === 'back' ? backward : [forward];
  const order = Array.from({ length: passes }, (_, pass) => (pass % 2 === 0 ? [forward] : turned)).flat();
  const list = draft('list');
  await writeFile(list, concatList(order));
  return list;
}
