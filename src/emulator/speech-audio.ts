import { findAvatar } from './catalogue.ts';
import { refuseAvatar, type SpeechParam, voiced } from './narration.ts';
import type { Production } from './production.ts';
import { from } from './render.ts';
import { timedSentences } from './sentences.ts';

interface Tts extends SpeechParam {
  InputSsml: string;
  VirtualmanKey?: string;
  Codec?: 'mp3' | 'wav';
  SampleRate?: number;
  SentenceMaxWords?: number;
  SentenceDisplayPunctuation?: string;
  SentenceSplitPunctuation?: string;
}

/** No limit is documented for the sound itself; 20,000 slow characters are less than this. */
const longest = 4 * 3600;

/** IVH text to speech (page of 2025-12-10): mp3 at 24 kHz unless asked otherwise. */
export const speechAudio: Production = {
  queueSeconds: 1,
  refuse(request) {
    const { VirtualmanKey } = request as Tts;
    if (VirtualmanKey !== undefined) refuseAvatar(VirtualmanKey);
  },
  inputs: () => [],
  async begin(request, _media, _wire, studio, signal) {
    const wanted = request as Tts;
    const { Codec: ending = 'mp3', SampleRate: rate = 24_000 } = wanted;
    const ownTimbre = findAvatar(wanted.VirtualmanKey ?? '')?.timbre;
    const speech = await voiced(wanted.InputSsml, wanted, { ownTimbre, longest }, signal);
    const audio = await studio.recording(speech.wav);
    const codec = ending === 'mp3' ? ['-c:a', 'libmp3lame', '-b:a', '64k'] : ['-c:a', 'pcm_s16le'];
    const file = studio.once(['speech', audio.digest, ending, rate], ending, (output) =>
      studio.run([...from(audio), ...codec, '-ar', String(rate), '-ac', '1', '-f', ending, output]),
    );
    const sentences = timedSentences(wanted.InputSsml, speech, {
      maxWords: wanted.SentenceMaxWords,
      show: wanted.SentenceDisplayPunctuation,
      splitAt: wanted.SentenceSplitPunctuation,
    });
    return { runSeconds: 1 + speech.seconds / 4, file, sentences };
  },
};
