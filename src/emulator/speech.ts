import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

const engine = '@echogarden/espeak-ng-emscripten';

/** The speech package is not installed: it is GPL, so it is never part of the bundle. */
export class SpeechUnavailable extends Error {
  constructor() {
    super(`Speech needs the npm package ${engine}; install it next to this server.`);
    this.name = 'SpeechUnavailable';
  }
}

export interface SpeechSettings {
  /** 1 is normal. */
  readonly speed: number;
  /** 0 is normal, 10 loudest. */
  readonly volume: number;
  readonly timbreKey: string;
  /** For example `zh-CN`; unset: Chinese when the text has Chinese characters, else English. */
  readonly language?: string;
  /** Synthesis stops soon after this many seconds. */
  readonly longest: number;
}

export interface SpokenWord {
  /** First character, counted from 1, and number of characters in the plain text. */
  readonly text_position: number;
  readonly word_length: number;
  /** Milliseconds from the start. */
  readonly audio_position: number;
}

export interface Speech {
  /** A complete WAV file: 16 bit, mono. */
  readonly wav: Buffer;
  readonly seconds: number;
  readonly words: readonly SpokenWord[];
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** SSML without its tags: what is said. `sub` gives its alias, `break` a comma, entities their characters. */
export function plainText(ssml: string): string {
  return ssml
    .replace(/<sub\b[^>]*?alias=\\?["']([^"'\\]*)\\?["'][^>]*>.*?<\/sub>/g, '$1')
    .replace(/<break\b[^>]*>/g, ', ')
    .replace(/<[^>]*>/g, '')
    .replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name] ?? '')
    .trim();
}

const regionalVoices: Readonly<Record<string, string>> = {
  'en-gb': 'en-gb',
  'zh-hk': 'yue',
  'yue-cn': 'yue',
  'pt-br': 'pt-br',
  'fr-be': 'fr-be',
  'es-mx': 'es-419',
};

/** The eSpeak voice for a text: language, then `+m3` or `+f3` after the name of the timbre. */
export function voiceFor(text: string, timbreKey: string, language?: string): string {
  const wanted = (language ?? (/\p{Script=Han}/u.test(text) ? 'zh' : 'en')).toLowerCase();
  const primary = wanted.split('-')[0] ?? 'en';
  const base =
    regionalVoices[wanted] ?? { zh: 'cmn', en: 'en-us', nb: 'nb', fil: 'en-us' }[primary] ?? primary;
  return `${base}+${/^male/i.test(timbreKey) ? 'm3' : 'f3'}`;
}

/** Runs apart from the event loop: a minute of speech takes seconds to make. */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads');
const silent = () => undefined;
(async () => {
  const { default: load } = await import(workerData.module);
  const engine = await load({ print: silent, printErr: silent });
  const speaker = await new engine.eSpeakNGWorker();
  if (speaker.set_voice(workerData.voice) !== 0) speaker.set_voice('en-us');
  speaker.set_rate(workerData.wordsPerMinute);
  speaker.set_pitch(50);
  speaker.set_volume(workerData.volume);
  const rate = engine.samplerate || 22050;
  const parts = [];
  const words = [];
  let samples = 0;
  speaker.synthesize(workerData.text, (audio, events) => {
    for (const { type, text_position, word_length, audio_position } of events || [])
      if (type === 'word') words.push({ text_position, word_length, audio_position });
    if (audio && audio.length) {
      parts.push(new Uint8Array(audio.buffer, audio.byteOffset, audio.byteLength).slice());
      samples += audio.length;
    }
    return samples > workerData.longest * rate;
  });
  parentPort.postMessage({ parts, words, rate });
})();
`;

function wavFile(pcm: Buffer, rate: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + pcm.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([header, pcm]);
}

interface Spoken {
  parts: Uint8Array[];
  words: SpokenWord[];
  rate: number;
}

/**
 * Speaks a text or SSML with eSpeak NG, in Chinese, English and a hundred other languages.
 * @throws SpeechUnavailable when the engine's package is not installed
 */
export async function speak(ssml: string, settings: SpeechSettings, signal?: AbortSignal): Promise<Speech> {
  let module: string;
  try {
    module = pathToFileURL(createRequire(import.meta.url).resolve(engine)).href;
  } catch {
    throw new SpeechUnavailable();
  }
  const text = plainText(ssml);
  const workerData = {
    module,
    text,
    voice: voiceFor(text, settings.timbreKey, settings.language),
    wordsPerMinute: Math.round(165 * settings.speed),
    volume: 100 + 10 * settings.volume,
    longest: settings.longest,
  };
  const worker = new Worker(workerSource, { eval: true, workerData, stdout: true, stderr: true });
  const stop = () => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const { parts, words, rate } = await new Promise<Spoken>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('The speech engine ended without a result.')));
    });
    const pcm = Buffer.concat(parts);
    return { wav: wavFile(pcm, rate), seconds: pcm.length / 2 / rate, words };
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
