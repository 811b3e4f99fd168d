import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, ended, ivh, MediaServer, probe, until } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 1000 });
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(async () => {
  await control(emulator, 'reset', {});
  media.received.length = 0;
});

interface Word {
  Word: string;
  StartTimestamp: number;
  EndTimestamp: number;
}
const spoken = { TimbreKey: 'female_1', Speed: 1 };
const speech = (InputSsml: string, more = {}) => ended(emulator, 'tts', { InputSsml, ...spoken, ...more });
const sentences = (end: { TextTimestampResult: { Sentence: string }[] }) =>
  end.TextTimestampResult.map(({ Sentence }) => Sentence);

describe('tts', () => {
  it.each([
    [{}, 'mp3', 'audio/mpeg', 24_000],
    [{ Codec: 'wav', SampleRate: 16_000 }, 'pcm_s16le', 'audio/wav', 16_000],
  ])('with %j makes %s that can be heard', async (more, codec, type, rate) => {
    const end = await speech('你好，我是虚拟<phoneme alphabet="py" ph="zhu3">主</phoneme>播。', more);
    expect(end).toMatchObject({ Status: 'SUCCESS', SubtitlesUrl: '', FailCode: 0 });
    expect((await fetch(end.MediaUrl)).headers.get('content-type')).toBe(type);
    const made = await probe(end.MediaUrl, media.folder);
    expect(made).toMatchObject({ audio: codec, video: '', rate });
    expect(Math.abs(made.seconds * 1000 - end.Duration)).toBeLessThan(100);
    expect(made.loudest).toBeGreaterThan(-25);
  });

  it.each([
    [
      '你好，虚拟主播。今天天气很好！Good morning, 3 friends.',
      {},
      ['你好，虚拟主播。', '今天天气很好！', 'Good morning, 3 friends.'],
    ],
    [
      'One two three four five six seven',
      { SentenceMaxWords: 3 },
      ['One two three', 'four five six', 'seven'],
    ],
    ['你好，主播。再见！', { SentenceDisplayPunctuation: '0' }, ['你好主播', '再见']],
    ['你好，主播。再见！', { SentenceDisplayPunctuation: '，' }, ['你好，主播', '再见']],
    ['你好，主播。再见！', { SentenceSplitPunctuation: '，' }, ['你好，', '主播。再见！']],
    ['你好<break time="1s"/>主播，<sub alias="世界">地球</sub>', { SentenceMaxWords: 0 }, ['你好主播，世界']],
  ])('cuts %s with %j', async (text, more, wanted) => {
    const end = await speech(text, more);
    expect(sentences(end)).toEqual(wanted);
    const words: Word[] = end.TextTimestampResult.flatMap(({ Words }: { Words: Word[] }) => Words);
    expect(words.length).toBeGreaterThanOrEqual(wanted.length);
    let last = 0;
    for (const { Word: word, StartTimestamp: from, EndTimestamp: to } of words) {
      expect(word.trim()).not.toBe('');
      expect(from).toBeGreaterThanOrEqual(last);
      expect(to).toBeGreaterThanOrEqual(from);
      last = to;
    }
    // Tenths of a microsecond; the last word ends with the sound.
    expect(last / 10_000).toBeGreaterThan(end.Duration * 0.8);
    expect(last / 10_000).toBeLessThanOrEqual(end.Duration + 60);
  });

  it('takes the voice of an avatar, and stores the sound where it is told', async () => {
    const AudioStorageS3Url = media.url('store?sig=1');
    const sample = { VirtualmanKey: 'k3dda2d3b56f4ec89778f2e032c2e294', InputSsml: '你好虚拟主播', Speed: 1 };
    const end = await ended(emulator, 'tts', { ...sample, AudioStorageS3Url });
    expect(end.Status).toBe('SUCCESS');
    expect(media.received.map(({ method, body }) => `${method} ${body.length > 1000}`)).toEqual(['PUT true']);
  });

  it.each([
    [{ TimbreKey: 'nobody' }, /nobody does not exist/],
    [{ TimbreKey: 'tts_female_emma_multi' }, /needs TimbreLanguage/],
    [{ TimbreKey: 'tts_female_emma_multi', TimbreLanguage: 'xx-XX' }, /needs TimbreLanguage/],
    [{ InputSsml: '<break time="1s"/>' }, /nothing to say/],
  ])('fails the task with 801404 for %j', async (more, text) => {
    const end = await speech('Hello there', more);
    expect(end).toMatchObject({ Status: 'FAIL', FailCode: 801404, MediaUrl: '' });
    expect(end.FailMessage).toMatch(text);
  });

  it('speaks a language of a multilingual voice', async () => {
    const more = { TimbreKey: 'tts_female_emma_multi', TimbreLanguage: 'de-DE' };
    expect((await speech('Guten Morgen', more)).Status).toBe('SUCCESS');
  });
});

describe('refusals of the call', () => {
  it.each([
    ['tts', { InputSsml: 'hi' }, 100001, 'Speed is required'],
    ['tts', { InputSsml: 'hi', Speed: 1 }, 100001, 'TimbreKey is required'],
    ['tts', { InputSsml: 'hi', ...spoken, SampleRate: 8000 }, 100001, 'SampleRate value invalid'],
    ['tts', { InputSsml: 'hi', Speed: 1, VirtualmanKey: 'unknown' }, 100016, 'unknown'],
    [
      'tts',
      { InputSsml: 'hi', Speed: 1, VirtualmanKey: '04f6e8d2c0ba49a78695a4b3c2d1e001' },
      100015,
      'expired',
    ],
  ])('%s %j gets %i', async (route, payload, code, text) => {
    const { body } = await ivh(emulator, route, payload);
    expect(body.Header.Code).toBe(code);
    expect(body.Header.Message).toContain(text);
    expect(body.Payload).toBeUndefined();
  });

  it('has room for one job, and says so', async () => {
    const slow = await startEmulator({ speed: 5 });
    try {
      const payload = { InputSsml: 'hello', ...spoken };
      const first = await ivh(slow, 'tts', payload);
      expect(first.body.Header.Code).toBe(0);
      const { body } = await ivh(slow, 'tts', payload);
      expect(body.Header.Code).toBe(100008);
      expect(body.Header.Message).toMatch(/quota exceeded: audio jobs submitted, limit: 1$/);
      // Another lane has its own room.
      const video = {
        VirtualmanKey: 'e1d3c5b7a9f84062915384a6b7c8d902',
        InputSsml: 'hello',
        SpeechParam: { Speed: 1 },
      };
      expect((await ivh(slow, 'videomake', video)).body.Header.Code).toBe(0);
      await until(
        () => ivh(slow, 'getprogress', { TaskId: first.body.Payload.TaskId }),
        ({ body: { Payload } }) => Payload.Status === 'SUCCESS',
      );
      expect((await ivh(slow, 'tts', payload)).body.Header.Code).toBe(0);
    } finally {
      await slow.close();
    }
  });
});
