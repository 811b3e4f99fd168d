import type { Wire } from '../core/operation.ts';
import { CloudError } from './cloud-error.ts';
import type { Inputs, MediaFile, MediaSource } from './inputs.ts';
import type { Work } from './lifecycle.ts';
import { even, type Size, type Studio } from './render.ts';
import { SpeechUnavailable, speak } from './speech.ts';

/** Checked inputs by the field whose limits they met. */
export type Media = ReadonlyMap<string, MediaFile>;

/** How the emulator makes one operation's results. The request has passed the wire's schema. */
export interface Production {
  /** Seconds in the cloud's queue at speed 1; no page says, so these are sensible guesses. */
  readonly queueSeconds: number;
  /** Tasks that run at once while others wait in the cloud's own queue; unset: as many as are accepted. */
  readonly slots?: number;
  /** Which files this request really uses. */
  inputs(request: unknown): readonly MediaSource[];
  /** Learns the length of the result and starts rendering. */
  begin(request: unknown, media: Media, wire: Wire, studio: Studio, signal: AbortSignal): Promise<Work>;
}

function present(media: Media, field: string): MediaFile {
  const file = media.get(field);
  if (!file) throw new Error(`The input ${field} was not fetched.`);
  return file;
}

/** Scales so that the shorter side has `short` pixels. */
function fitted({ width = 1, height = 1 }: MediaFile, short: number): Size {
  const factor = short / Math.min(width, height);
  return [even(width * factor), even(height * factor)];
}

interface PortraitSing {
  AudioUrl: string;
  ImageUrl?: string;
  ImageBase64?: string;
  Mode?: 'Person' | 'Pet';
  Resolution?: '512:512';
}

/** VCLM portrait singing (page of 2025-04-25): the picture for the length of the recording. */
const portraitSing: Production = {
  queueSeconds: 2,
  inputs(request) {
    const { AudioUrl, ImageUrl, ImageBase64 } = request as PortraitSing;
    const image = ImageBase64 === undefined ? { url: ImageUrl } : { base64: ImageBase64 };
    return [
      { field: 'AudioUrl', url: AudioUrl },
      { field: 'ImageUrl', ...image },
    ];
  },
  async begin(request, media, _wire, studio) {
    const { Mode, Resolution } = request as PortraitSing;
    const photo = present(media, 'ImageUrl');
    const audio = present(media, 'AudioUrl');
    const own: Size = [even(photo.width ?? 512), even(photo.height ?? 512)];
    const size: Size = Resolution ? [512, 512] : Mode === 'Pet' ? own : fitted(photo, 512);
    const seconds = audio.seconds ?? 0;
    return { runSeconds: 30, file: studio.talkingPhoto({ photo, audio, seconds, size }) };
  },
};

interface PhotoToVideo {
  RefPhotoUrl: string;
  DriverType: 'Text' | 'OriginalVoice';
  InputAudioUrl?: string;
  InputSsml?: string;
  SpeechParam?: { Speed?: number; TimbreKey?: string; Volume?: number; TimbreLanguage?: string };
  VideoParam?: { Resolution?: number };
}

const longestPhotoSpeech = 60;

async function spoken(request: PhotoToVideo, studio: Studio, signal: AbortSignal) {
  const { Speed = 1, TimbreKey = '', Volume = 0, TimbreLanguage } = request.SpeechParam ?? {};
  const settings = {
    speed: Speed,
    timbreKey: TimbreKey,
    volume: Volume,
    language: TimbreLanguage,
    longest: longestPhotoSpeech + 1,
  };
  try {
    const { wav, seconds } = await speak(request.InputSsml ?? '', settings, signal);
    if (seconds > longestPhotoSpeech)
      throw new CloudError('801510', `the speech is longer than ${longestPhotoSpeech} s`);
    if (seconds === 0) throw new CloudError('801404', 'the text has nothing to say');
    return { ...(await studio.recording(wav)), seconds };
  } catch (error) {
    if (error instanceof SpeechUnavailable) throw new CloudError('801404', error.message);
    throw error;
  }
}

/** IVH photo to video (pages of 2025-12-16 and 2025-10-10): 720P unless 1080P is asked for. */
const photoToVideo: Production = {
  queueSeconds: 2,
  inputs(request) {
    const { RefPhotoUrl, DriverType, InputAudioUrl } = request as PhotoToVideo;
    const photo = { field: 'RefPhotoUrl', url: RefPhotoUrl };
    return DriverType === 'Text' ? [photo] : [photo, { field: 'InputAudioUrl', url: InputAudioUrl }];
  },
  async begin(request, media, wire, studio, signal) {
    const wanted = request as PhotoToVideo;
    const photo = present(media, 'RefPhotoUrl');
    const fromText = wanted.DriverType === 'Text';
    const audio = fromText ? await spoken(wanted, studio, signal) : present(media, 'InputAudioUrl');
    const seconds = audio.seconds ?? 0;
    const large = wanted.VideoParam?.Resolution === 1;
    // 1080P takes "at least twice" as long as 720P.
    const runSeconds = seconds * (wire.renderSecondsPerSecond ?? 20) * (large ? 2 : 1);
    const size = fitted(photo, large ? 1080 : 720);
    return { runSeconds, file: studio.talkingPhoto({ photo, audio, seconds, size }) };
  },
};

interface VideoRetalk {
  input: { video_url: string; audio_url: string; ref_image_url?: string };
  parameters?: { video_extension?: boolean };
}

/** DashScope VideoRetalk (undated page): the shorter of both, or the audio's length with video_extension. */
const videoRetalk: Production = {
  queueSeconds: 5,
  // One running task an account (Model Studio page of 2026-03-15); the rest stay PENDING.
  slots: 1,
  inputs(request) {
    const { video_url, audio_url, ref_image_url } = (request as VideoRetalk).input;
    const image = ref_image_url === undefined ? [] : [{ field: 'input.ref_image_url', url: ref_image_url }];
    return [
      { field: 'input.video_url', url: video_url },
      { field: 'input.audio_url', url: audio_url },
      ...image,
    ];
  },
  async begin(request, media, _wire, studio) {
    const clip = present(media, 'input.video_url');
    const audio = present(media, 'input.audio_url');
    const longer = (request as VideoRetalk).parameters?.video_extension === true;
    const heard = audio.seconds ?? 0;
    const seconds = longer ? heard : Math.min(heard, clip.seconds ?? heard);
    return { runSeconds: 3 * seconds, file: studio.dubbedClip({ clip, audio, seconds }) };
  },
};

/** By the operation's own name. An operation that is not here is answered as unknown. */
export const productions: Readonly<Record<string, Production>> = {
  SubmitPortraitSingJob: portraitSing,
  phototovideonotrain: photoToVideo,
  videoretalk: videoRetalk,
};

/**
 * Fetches and checks every input of a request at the same time.
 * @throws MediaBreach the first breach in the order of the inputs
 */
export async function collect(
  inputs: Inputs,
  wire: Wire,
  production: Production,
  request: unknown,
): Promise<Media> {
  const sources = production.inputs(request);
  const taken = await Promise.allSettled(
    sources.map(async (source) => {
      const limits = wire.media[source.field];
      if (!limits) throw new Error(`${wire.operation} documents no limits for ${source.field}.`);
      return [source.field, await inputs.take(source, limits)] as const;
    }),
  );
  const files = taken.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return new Map(files);
}
