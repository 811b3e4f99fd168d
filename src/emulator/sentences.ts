import { plainText, type Speech } from './speech.ts';

/** One written character of Chinese, or one word of other scripts, with the punctuation that follows it. */
export interface TimedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface TimedSentence {
  readonly text: string;
  readonly words: readonly TimedWord[];
}

/** How a text is cut, as the audio and the advanced video page document it. */
export interface Splitting {
  /** Characters or words in a sentence at most; 0 or unset: 30. */
  readonly maxWords?: number;
  /** Marks that end a sentence. */
  readonly splitAt?: string;
  /** "1" shows every mark, "0" none, anything else lists the marks to show. */
  readonly show?: string;
}

const defaultSplit = '。;?!……!?；？！';
const defaultMaxWords = 30;
const pause = '\u00a0\u00a0';
const character = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const mark = /[\p{P}\p{S}]/u;

interface Unit {
  readonly at: number;
  text: string;
  /** Marks and spaces behind it. */
  tail: string;
}

/** Cuts a text into characters and words; what is said by none of them hangs on the one before. */
function units(text: string): Unit[] {
  const found: Unit[] = [];
  const symbols = [...text];
  let open = false;
  for (const [index, symbol] of symbols.entries()) {
    const last = found.at(-1);
    const spoken = !/\s/.test(symbol) && !mark.test(symbol);
    // An apostrophe, a point or a dash inside a word is part of it, unless a space follows.
    const inside = open && /['’.\-_@]/.test(symbol) && /^[\p{L}\p{N}]/u.test(symbols[index + 1] ?? '');
    if (spoken && character.test(symbol)) {
      found.push({ at: index + 1, text: symbol, tail: '' });
      open = false;
    } else if (spoken || inside) {
      if (open && last) last.text += symbol;
      else found.push({ at: index + 1, text: symbol, tail: '' });
      open = true;
    } else {
      if (last) last.tail += symbol;
      open = false;
    }
  }
  return found;
}

/** Milliseconds for every unit: the engine's where it tells, between two of them by their distance in the text. */
function startTimes(found: readonly Unit[], speech: Speech, length: number): number[] {
  const told = new Map<number, number>();
  for (const { text_position: at, audio_position: ms } of speech.words) if (!told.has(at)) told.set(at, ms);
  const total = speech.seconds * 1000;
  const anchors = [[1, 0] as const, ...told, [length + 1, total] as const].toSorted(([a], [b]) => a - b);
  let passed = 0;
  let last = 0;
  return found.map(({ at }) => {
    while ((anchors[passed + 1]?.[0] ?? Number.POSITIVE_INFINITY) <= at) passed += 1;
    const [position, ms] = anchors[passed] ?? [1, 0];
    const [nextPosition, nextMs] = anchors[passed + 1] ?? [length + 1, total];
    const share = (at - position) / Math.max(1, nextPosition - position);
    last = Math.min(total, Math.max(last, ms + share * (nextMs - ms)));
    return last;
  });
}

/** The sentences of a spoken SSML text, with the time of every word. */
export function timedSentences(ssml: string, speech: Speech, splitting: Splitting = {}): TimedSentence[] {
  const { splitAt = defaultSplit, show = '1' } = splitting;
  const most = splitting.maxWords || defaultMaxWords;
  // A pause is spoken as a comma of two characters; here it keeps their places and shows nothing.
  const text = plainText(ssml.replaceAll(/<break\b[^>]*>/g, pause));
  const found = units(text);
  const starts = startTimes(found, speech, [...text].length);
  const shown = (tail: string) =>
    show === '1'
      ? tail
      : [...tail].filter((symbol) => !mark.test(symbol) || (show !== '0' && show.includes(symbol))).join('');

  const sentences: TimedSentence[] = [];
  let words: TimedWord[] = [];
  let written = '';
  for (const [index, { text: word, tail }] of found.entries()) {
    const startMs = starts[index] ?? 0;
    const endMs = starts[index + 1] ?? speech.seconds * 1000;
    const visible = shown(tail);
    words.push({ text: word + visible.trim(), startMs, endMs });
    written += word + visible;
    const ends = [...tail].some((symbol) => splitAt.includes(symbol));
    if (!ends && words.length < most && index < found.length - 1) continue;
    sentences.push({ text: written.replaceAll(pause, '').trim(), words });
    words = [];
    written = '';
  }
  return sentences;
}

function clock(ms: number): string {
  const whole = Math.round(ms);
  const pad = (value: number, digits = 2) => String(Math.floor(value)).padStart(digits, '0');
  const time = `${pad(whole / 3_600_000)}:${pad((whole / 60_000) % 60)}:${pad((whole / 1000) % 60)}`;
  return `${time},${pad(whole % 1000, 3)}`;
}

/** An SRT file. @param delayMs what stands before the first word, such as an opening clip */
export function subtitleFile(sentences: readonly TimedSentence[], delayMs = 0): string {
  return sentences
    .map(({ text, words }, index) => {
      const start = (words[0]?.startMs ?? 0) + delayMs;
      const end = (words.at(-1)?.endMs ?? 0) + delayMs;
      return `${index + 1}\n${clock(start)} --> ${clock(end)}\n${text}\n`;
    })
    .join('\n');
}
