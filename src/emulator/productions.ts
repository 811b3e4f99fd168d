import { avatarVideo, editedAvatarVideo } from './avatar-video.ts';
import { dubbedClip } from './clip.ts';
import { clipVideo } from './clip-video.ts';
import { imageAnimate } from './dance.ts';
import { type Driven, narrate, recordingOf } from './narration.ts';
import { fitted, type Production, present } from './production.ts';
import { even, type Size } from './render.ts';
import { slideVideo } from './slides.ts';
import { speechAudio } from './speech-audio.ts';

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

interface PhotoToVideo extends Driven {
  RefPhotoUrl: string;
  VideoParam?: { Resolution?: number };
}

const longestPhotoSpeech = 60;

/** IVH photo to video (pages of 2025-12-16 and 2025-10-10): 720P unless 1080P is asked for. */
const photoToVideo: Production = {
  queueSeconds: 2,
  inputs(request) {
    const wanted = request as PhotoToVideo;
    return [{ field: 'RefPhotoUrl', url: wanted.RefPhotoUrl }, ...recordingOf(wanted, 'InputAudioUrl')];
  },
  async begin(request, media, wire, studio, signal) {
    const wanted = request as PhotoToVideo;
    const photo = present(media, 'RefPhotoUrl');
    const settings = { field: 'InputAudioUrl', longest: longestPhotoSpeech };
    const { audio, seconds } = await narrate(wanted, media, studio, settings, signal);
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
    return { runSeconds: 3 * seconds, file: dubbedClip(studio, { clip, audio, seconds, loop: 'back' }) };
  },
};

/** By the operation's own name. An operation that is not here is answered as unknown. */
export const productions: Readonly<Record<string, Production>> = {
  SubmitPortraitSingJob: portraitSing,
  SubmitImageAnimateJob: imageAnimate,
  tts: speechAudio,
  videomake: avatarVideo,
  videomakeadvanced: editedAvatarVideo,
  videomakewithppt: slideVideo,
  videomakenotrain: clipVideo,
  phototovideonotrain: photoToVideo,
  videoretalk: videoRetalk,
};
