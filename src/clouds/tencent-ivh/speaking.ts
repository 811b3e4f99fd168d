import { checkSsml } from './ssml.ts';
import type { FactsOf, ResultEstimate } from '../../core/operation.ts';

/**
 * Characters a second at speed 1. The photo page pairs 300 characters with 60 s and the avatar pages 20,000
 * with an hour (2025-12-16, 2026-04-01): five and a little more, for Chinese. Words of other scripts take
 * about as long as two Chinese characters.
 */
const charactersPerSecond = 5;
const charactersPerWord = 2;

function pauses(ssml: string): number {
  const times = [...ssml.matchAll(/<break\s[^>]*time\s*=\s*["'](\d+(?:\.\d+)?)(ms|s)["']/g)];
  return times.reduce((sum, [, value, unit]) => sum + Number(value) / (unit === 'ms' ? 1000 : 1), 0);
}

/** Seconds that a text or SSML will roughly take to speak. */
export function spokenSeconds(ssml: string, speed = 1): number {
  const { plain } = checkSsml(ssml);
  const ideographs = plain.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu)?.length ?? 0;
  const words =
    plain.match(/[\p{L}\p{N}]+/gu)?.filter((word) => !/^\p{Script=Han}+$/u.test(word)).length ?? 0;
  const units = ideographs + words * charactersPerWord;
  return Math.max(1, units / charactersPerSecond / speed + pauses(ssml));
}

/** By what a video speaks. */
export interface Spoken {
  readonly DriverType?: string;
  readonly InputSsml?: string;
  readonly InputAudioUrl?: string;
  readonly SpeechParam?: { readonly Speed?: number };
}

const rounded = (seconds: number) => Math.round(seconds * 10) / 10;

/** The length of a result that lasts as long as what is spoken. `at` is the place of the recording's field. */
export function spokenEstimate(spoken: Spoken, facts: FactsOf, audioField = 'InputAudioUrl'): ResultEstimate {
  if ((spoken.DriverType ?? 'Text') === 'Text') {
    const speed = spoken.SpeechParam?.Speed ?? 1;
    const text = spoken.InputSsml ?? '';
    return {
      seconds: rounded(spokenSeconds(text, speed)),
      basis: `a rough guess from ${[...text].length} characters at speed ${speed}`,
    };
  }
  const seconds = facts(audioField)?.seconds;
  return seconds === undefined
    ? { basis: 'the length of the recording could not be learned here' }
    : { seconds: rounded(seconds), basis: 'the length of the recording' };
}
