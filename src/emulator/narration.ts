import { findAvatar, findTimbre } from './catalogue.ts';
import { CloudError } from './cloud-error.ts';
import type { MediaFile } from './inputs.ts';
import { present, type Media } from './production.ts';
import type { Recording, Studio } from './render.ts';
import { type Splitting, type TimedSentence, timedSentences } from './sentences.ts';
import { plainText, type Speech, SpeechUnavailable, speak } from './speech.ts';

/** `SpeechParam`, the same in every IVH operation that speaks. */
export interface SpeechParam {
  readonly Speed?: number;
  readonly TimbreKey?: string;
  readonly Volume?: number;
  readonly TimbreLanguage?: string;
}

/** What drives a video. */
export interface Driven {
  readonly DriverType?: 'Text' | 'OriginalVoice' | 'ModulatedVoice';
  readonly InputSsml?: string;
  readonly InputAudioUrl?: string;
  readonly SpeechParam?: SpeechParam;
}

/** Sound for a video, and what is said in it when that is known. */
export interface Narration {
  readonly audio: Recording;
  readonly seconds: number;
  /** Empty when a recording drives the video: the FAQ says that subtitles exist for text only. */
  readonly sentences: readonly TimedSentence[];
}

const fallbackTimbre = 'female_1';

/** Voices whose volume cannot be changed: male_1 to male_20, female_1 to female_23. */
const fixedVolume = /^(male_([1-9]|1\d|20)|female_([1-9]|1\d|2[0-3]))$/;

/**
 * Speaks a text with a voice of the catalogue.
 * @param ownTimbre the avatar's voice, for a request that names none
 * @throws CloudError 801404 when the voice cannot say this
 */
export async function voiced(
  ssml: string,
  param: SpeechParam,
  settings: { readonly ownTimbre?: string; readonly longest: number },
  signal: AbortSignal,
): Promise<Speech> {
  const refused = (text: string) => new CloudError('801404', text);
  const { Speed = 1, TimbreKey = settings.ownTimbre ?? fallbackTimbre, Volume = 0, TimbreLanguage } = param;
  if (!/[\p{L}\p{N}]/u.test(plainText(ssml))) throw refused('the text has nothing to say');
  const timbre = findTimbre(TimbreKey);
  if (!timbre) throw refused(`the voice ${TimbreKey} does not exist`);
  if (timbre.languages.length > 0 && !timbre.languages.includes(TimbreLanguage ?? ''))
    throw refused(`the voice ${TimbreKey} needs TimbreLanguage, one of ${timbre.languages.join(', ')}`);
  const voice = {
    speed: Speed,
    volume: fixedVolume.test(TimbreKey) ? 0 : Volume,
    timbreKey: timbre.gender === 1 ? 'male' : 'female',
    language: TimbreLanguage,
    longest: settings.longest,
  };
  try {
    return await speak(ssml, voice, signal);
  } catch (error) {
    throw error instanceof SpeechUnavailable ? refused(error.message) : error;
  }
}

export interface NarrationSettings {
  /** The field of the recording. */
  readonly field: string;
  readonly ownTimbre?: string;
  /** The longest speech in seconds; a longer one fails the task. */
  readonly longest: number;
  readonly splitting?: Splitting;
}

/**
 * The sound that a request asks for: its text spoken, or its recording. A changed voice (ModulatedVoice)
 * stays as it was recorded; nothing here can change one.
 * @throws CloudError 801404 as `voiced`, 801510 when the speech is too long
 */
export async function narrate(
  request: Driven,
  media: Media,
  studio: Studio,
  settings: NarrationSettings,
  signal: AbortSignal,
): Promise<Narration> {
  if ((request.DriverType ?? 'Text') !== 'Text') {
    const audio: MediaFile = present(media, settings.field);
    return { audio, seconds: audio.seconds ?? 0, sentences: [] };
  }
  const ssml = request.InputSsml ?? '';
  const longest = settings.longest + 1;
  const speech = await voiced(ssml, request.SpeechParam ?? {}, { ...settings, longest }, signal);
  if (speech.seconds > settings.longest)
    throw new CloudError('801510', `the speech is longer than ${settings.longest} s`);
  return {
    audio: await studio.recording(speech.wav),
    seconds: speech.seconds,
    sentences: timedSentences(ssml, speech, settings.splitting),
  };
}

/** The recording of a driven request, as an input to fetch; none when a text drives it. */
export function recordingOf(request: Driven, field: string) {
  return (request.DriverType ?? 'Text') === 'Text' ? [] : [{ field, url: request.InputAudioUrl }];
}

/**
 * Refuses avatars that the account does not have, or not any more.
 * @throws CloudError 100016 or 100015, codes of a call (result codes, 2025-05-14)
 */
export function refuseAvatar(key: string): void {
  const avatar = findAvatar(key);
  if (!avatar) throw new CloudError('100016', `ResourceNotFound:there is no avatar ${key}`);
  if (Date.parse(avatar.expires) < Date.now())
    throw new CloudError('100015', `ResourceExpired:the avatar ${key} expired on ${avatar.expires}`);
}
