import type { MediaKind } from './operation.ts';

/** What a file really is, by its content and not by its name. */
export interface MediaFacts {
  /** As in `MediaLimits.formats`: mp4, mov, avi, webm, mkv, mp3, wav, m4a, aac, ogg, wma, jpg, png, pdf … */
  readonly format: string;
  readonly kind: MediaKind;
  readonly bytes?: number;
  /** Of the whole file. */
  readonly seconds?: number;
  /** False: a guess from a bit rate, or a header that the bytes do not bear out or that could not be checked. */
  readonly secondsExact: boolean;
  /** Pixels as shown: rotation of a video and EXIF orientation of a photo honoured. */
  readonly width?: number;
  readonly height?: number;
  /** Frames a second, the average when it varies. */
  readonly frameRate?: number;
  /** Lower case: h264, h265, vp8, vp9, av1, mpeg4 … */
  readonly videoCodec?: string;
  /** Lower case: aac, mp3, pcm, opus, vorbis … */
  readonly audioCodec?: string;
  readonly pages?: number;
  /** The end of the file is missing. */
  readonly truncated: boolean;
  /** False when the server gave only the beginning, so that facts may be missing. */
  readonly complete: boolean;
}
