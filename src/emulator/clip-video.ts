import { dubbedClip, type DubbedClip } from './clip.ts';
import { CloudError } from './cloud-error.ts';
import type { MediaFile, MediaSource } from './inputs.ts';
import { type Driven, narrate, recordingOf } from './narration.ts';
import { type Production, present } from './production.ts';
import { even, type Size } from './render.ts';

interface VideoParam {
  readonly RefPhotoUrl?: string;
  readonly RefPhotoUrls?: readonly string[];
  readonly DisableIdDetect?: number;
  readonly MakeType?: 'Default' | 'Custom' | 'Circle' | 'CustomOnlyStart';
  readonly StartTime?: number;
  readonly EndTime?: number;
}

interface ClipVideo extends Driven {
  readonly RefVideoUrl: string;
  readonly ConcurrencyType?: 'Exclusive' | 'Shared';
  readonly VideoLoop?: number;
  readonly VideoParametersConsistent?: number;
  readonly IdentityWrittenUrl?: string;
  readonly IdentityVideoUrl?: string;
  readonly VideoParam?: VideoParam;
}

const longestSpeech = 1200;
const plainFrameRate = 25;
/** A segment must be longer than this. */
const leastSegment = 1;

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** The clip's own size, made smaller where the kind of concurrency does not give as much. */
function sizeFor({ width = 640, height = 640 }: MediaFile, shared: boolean): Size {
  const [long, short] = shared ? [2560, 1440] : [4096, 4096];
  const factor = Math.min(1, long / Math.max(width, height), short / Math.min(width, height));
  return [even(width * factor), even(height * factor)];
}

type Playing = Pick<DubbedClip, 'stretch' | 'loop'>;

/**
 * Which part of the clip is played, and how, when the sound is longer.
 * @throws CloudError 801009 for a segment outside the clip, or too short
 */
function playing(param: VideoParam, clipSeconds: number, seconds: number, videoLoop: number): Playing {
  const { MakeType: type = 'Default', StartTime: start = 0, EndTime } = param;
  const loop = videoLoop === 1 ? 'again' : 'back';
  if (type === 'Default') return { stretch: [0, clipSeconds], loop };
  const end = type === 'Custom' ? (EndTime ?? clipSeconds) : clipSeconds;
  // Clocks are rounded: a segment may end with the clip.
  if (end > clipSeconds + 0.05 || end - start <= leastSegment)
    throw new CloudError(
      '801009',
      `StartTime ${start} to ${end} s is not in the clip of ${clipSeconds} s, or too short`,
    );
  const last = Math.min(end, clipSeconds);
  if (type === 'Custom') return { stretch: [start, last], loop };
  if (type === 'CustomOnlyStart') return { stretch: [start, last], loop: 'back' };
  // Circle: there and back so often, and so far, that it ends on the frame with which it began.
  const rounds = Math.ceil(seconds / (2 * (last - start)));
  return { stretch: [start, start + seconds / (2 * rounds)], loop: 'back' };
}

/** Bit rate and frame rate of the clip, inside the documented bounds. */
function consistent({ frameRate = plainFrameRate, bytes, seconds = 1 }: MediaFile) {
  return {
    frameRate: clamp(frameRate, 15, 60),
    bitRate: clamp(Math.round((bytes * 8) / seconds), 1_000_000, 9_000_000),
  };
}

function photosOf({ RefPhotoUrl: one, RefPhotoUrls: many, DisableIdDetect: off }: VideoParam): MediaSource[] {
  // Without the tracking of a face, its photos are not looked at; several win over one.
  if (off === 1) return [];
  if (many?.length) return many.map((url, index) => ({ field: `VideoParam.RefPhotoUrls.${index}`, url }));
  return one === undefined ? [] : [{ field: 'VideoParam.RefPhotoUrl', url: one }];
}

/** IVH video without training (page of 2026-04-01): a clip with new words. */
export const clipVideo: Production = {
  queueSeconds: 2,
  inputs(request) {
    const wanted = request as ClipVideo;
    const proofs = (['IdentityWrittenUrl', 'IdentityVideoUrl'] as const).flatMap((field) =>
      wanted[field] === undefined ? [] : [{ field, url: wanted[field] }],
    );
    return [
      { field: 'RefVideoUrl', url: wanted.RefVideoUrl },
      ...recordingOf(wanted, 'InputAudioUrl'),
      ...photosOf(wanted.VideoParam ?? {}),
      ...proofs,
    ];
  },
  async begin(request, media, _wire, studio, signal) {
    const wanted = request as ClipVideo;
    const clip = present(media, 'RefVideoUrl');
    const settings = { field: 'InputAudioUrl', longest: longestSpeech };
    const { audio, seconds } = await narrate(wanted, media, studio, settings, signal);
    const loop = wanted.VideoLoop ?? 0;
    const played = playing(wanted.VideoParam ?? {}, clip.seconds ?? seconds, seconds, loop);
    const rates = wanted.VideoParametersConsistent === 1 ? consistent(clip) : { frameRate: plainFrameRate };
    // Unset means Exclusive: the emulated account has bought a path of its own.
    const size = sizeFor(clip, wanted.ConcurrencyType === 'Shared');
    const file = dubbedClip(studio, { clip, audio, seconds, size, ...played, ...rates });
    return { runSeconds: 5 + 3 * seconds, file };
  },
};
