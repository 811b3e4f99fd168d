import { describe, expect, it, vi } from 'vitest';
import { plainText, speak, voiceFor } from '../../src/emulator/speech.ts';

describe('speech', () => {
  it('reads SSML as plain text', () => {
    expect(
      plainText('<speak>a<break time="1s"/>b <sub alias="see">c</sub> &lt;d&gt; &amp;amp;</speak>'),
    ).toBe('a, b see <d> &amp;');
  });

  it('chooses a voice by language and name', () => {
    expect(voiceFor('你好', 'male_3')).toBe('cmn+m3');
    expect(voiceFor('hello', 'female_1')).toBe('en-us+f3');
    expect(voiceFor('hello', 'x', 'fr-FR')).toBe('fr+f3');
    expect(voiceFor('hello', 'x', 'zh-HK')).toBe('yue+f3');
  });

  it('is faster when asked, and tells where words are', async () => {
    const settings = { volume: 0, timbreKey: 'male_1', longest: 60 };
    const slow = await speak('One two three four five six.', { ...settings, speed: 0.5 });
    const fast = await speak('One two three four five six.', { ...settings, speed: 1.5 });
    expect(slow.seconds / fast.seconds).toBeGreaterThan(2);
    expect(fast.words).toHaveLength(6);
    expect(fast.wav.toString('latin1', 0, 4)).toBe('RIFF');
  });

  it('says which package it needs when that is not installed', async () => {
    vi.resetModules();
    vi.doMock('node:module', () => ({
      createRequire: () => ({
        resolve: () => {
          throw new Error('not installed');
        },
      }),
    }));
    const bare = await import('../../src/emulator/speech.ts');
    const settings = { volume: 0, timbreKey: 'male_1', longest: 60, speed: 1 };
    await expect(bare.speak('hello there', settings)).rejects.toThrow('@echogarden/espeak-ng-emscripten');
    const { productions } = await import('../../src/emulator/productions.ts');
    const photo = { path: '', digest: '', format: 'jpg', demuxer: 'jpeg_pipe', bytes: 1, readable: true };
    const begun = productions.phototovideonotrain?.begin(
      { DriverType: 'Text', InputSsml: 'hello there' },
      new Map([['RefPhotoUrl', photo]]),
      {} as never,
      {} as never,
      new AbortController().signal,
    );
    await expect(begun).rejects.toMatchObject({ code: '801404' });
    vi.doUnmock('node:module');
  });
});
