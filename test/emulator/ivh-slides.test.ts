import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { readDocument } from '../../src/emulator/documents.ts';
import { packedPdf, pdf, plainZip, ppt, pptx } from './documents.ts';
import { control, ended, ivh, MediaServer, pixel, pptProgress, pptSubmit, probe } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};
const avatar = '2c3f4c11d1e54b7693156b060990544d';

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 1000 });
  urls.deck = await media.put('deck.pptx', pptx(3));
  urls.pdf = await media.put('deck.pdf', pdf(2));
  urls.ppt = await media.put('deck.ppt', ppt(2));
  urls.many = await media.put('many.pptx', pptx(51));
  urls.zip = await media.put('deck.zip', plainZip());
  urls.text = await media.put('notes.txt', 'no slides');
  urls.voice = await media.audio('voice.wav', 1);
  urls.brief = await media.audio('brief.wav', 0.3);
  urls.logo = await media.make('logo.png', '-f', 'lavfi', '-i', 'color=red:s=200x200', '-frames:v', '1');
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const slides = (payload: object) => ended(emulator, pptSubmit, payload);
const said = (InputSsml: string, more = {}) => ({ InputSsml, ...more });
const heard = () => ({ DriverType: 'OriginalVoice', InputAudioUrl: urls.voice });

describe('documents', () => {
  it.each([
    ['pptx', pptx(7), 7],
    ['pptx', pptx(0), 0],
    ['pdf', pdf(4), 4],
    ['pdf', packedPdf(12), 12],
    ['ppt', ppt(5), 5],
    ['ppt', Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]), 1],
  ] as const)('counts the pages of a %s file', (format, file, pages) => {
    expect(readDocument(file)).toEqual({ format, pages });
  });

  it('knows nothing else, and reads no directory that is not there', () => {
    expect(readDocument(plainZip())).toBeUndefined();
    expect(readDocument(Buffer.from('PK\x03\x04 cut off'))).toBeUndefined();
    expect(readDocument(pptx(3).subarray(0, -30))).toBeUndefined();
    expect(readDocument(Buffer.alloc(0))).toBeUndefined();
  });
});

describe('videomakewithppt', () => {
  it('shows page after page, each as long as its words, with and without an avatar', async () => {
    const PageConfigs = [
      heard(),
      said('Second page.', { SpeechParam: { Speed: 1.5 } }),
      { ...heard(), VirtualmanKey: avatar },
    ];
    const LogoParams = [{ LogoFileUrl: urls.logo, PositionX: 100, PositionY: 800, Scale: 0.5 }];
    const end = await slides({
      PPTFileUrl: urls.deck,
      PageConfigs,
      GlobalConfig: { LogoParams, SpeechParam: { TimbreKey: 'male_1' } },
    });
    expect(Object.keys(end).toSorted()).toEqual([
      'Duration',
      'FailCode',
      'FailMessage',
      'MediaUrl',
      'Progress',
      'Status',
      'TaskId',
    ]);
    expect(end.Status, end.FailMessage).toBe('SUCCESS');
    const made = await probe(end.MediaUrl, media.folder);
    expect(made).toMatchObject({ size: '1920x1080', video: 'h264', audio: 'aac' });
    expect(Math.abs(made.seconds * 1000 - end.Duration)).toBeLessThan(60);
    const moments = [0.5, made.seconds - 1.5, made.seconds - 0.5];
    const corners = await Promise.all(moments.map((at) => pixel(made.file, at, [0.02, 0.95])));
    const apart = (a: number[] = [], b: number[] = []) =>
      Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? 0))));
    expect(apart(corners[0], corners[1])).toBeGreaterThan(60);
    expect(apart(corners[1], corners[2])).toBeGreaterThan(60);
    expect(apart(corners[0], corners[2])).toBeGreaterThan(60);
    // Bars count the page: the third stands on the last page only.
    const third = [(160 + 2 * 32 + 6) / 1920, 0.2] as const;
    const bars = await Promise.all(moments.map((at) => pixel(made.file, at, third)));
    expect(bars.map((colour) => Math.min(...colour) > 200)).toEqual([false, false, true]);
    // The figure is on the last page only; the logo is on every page.
    const middle = await Promise.all(moments.map((at) => pixel(made.file, at, [0.5, 0.8])));
    expect(middle.map((colour, index) => apart(colour, corners[index]) > 40)).toEqual([false, false, true]);
    for (const at of moments) {
      const [red = 0, green = 255] = await pixel(made.file, at, [150 / 1920, 850 / 1080]);
      expect([red > 200, green < 60]).toEqual([true, true]);
    }
  }, 90_000);

  it.each(['pdf', 'ppt'])('takes %s, fewer entries than pages, and a shape of its own', async (kind) => {
    const GlobalConfig = { AdaptationType: 1, BackgroundColor: '#102030' };
    const end = await slides({ PPTFileUrl: urls[kind], PageConfigs: [heard()], GlobalConfig });
    expect(end.Status, end.FailMessage).toBe('SUCCESS');
    const made = await probe(end.MediaUrl, media.folder);
    expect(Math.abs(made.seconds - 1)).toBeLessThan(0.1);
    const [red = 0, green = 0, blue = 0] = await pixel(made.file, 0.5, [0.03, 0.5]);
    expect(Math.max(Math.abs(red - 0x10), Math.abs(green - 0x20), Math.abs(blue - 0x30))).toBeLessThan(12);
    expect(await pixel(made.file, 0.5, [0.4, 0.7])).not.toEqual([red, green, blue, 255]);
  });

  it('is portrait when its avatar is, and reads the vendor’s empty settings as unset', async () => {
    const unset = {
      EmotionCategory: '',
      EmotionIntensity: 0,
      Speed: 0,
      TimbreKey: '',
      TimbreLanguage: '',
      Volume: 0,
    };
    const VideoParam = {
      AnchorParam: { AnchorExtraParam: '', Angle: 0, Scale: 0 },
      SmallSampleParam: { EndIdx: 0, MakeType: '', StartIdx: 0 },
    };
    const page = {
      ...heard(),
      InputSsml: '',
      SpeechParam: unset,
      VideoParam,
      VirtualmanKey: '5b0c8f7e21d94f3ab8d6a1f0c3e97d10',
    };
    const GlobalConfig = {
      AdaptationType: 0,
      BackgroundColor: '',
      SpeechParam: { ...unset, TimbreKey: 'tts_female_yunxiaoxiao' },
      VideoParam,
    };
    const end = await slides({ PPTFileUrl: urls.deck, GlobalConfig, PageConfigs: [page] });
    expect(end.Status, end.FailMessage).toBe('SUCCESS');
    expect(await probe(end.MediaUrl, media.folder)).toMatchObject({ size: '1080x1920' });
  });

  it.each([
    [{ PPTFileUrl: 'pdf', PageConfigs: [{}, {}, {}] }, 801009, 'PageConfigs has 3 entries, the file 2 pages'],
    [{ PPTFileUrl: 'many' }, 801009, '51 pages'],
    [{ PPTFileUrl: 'text' }, 801009, 'PPTFileUrl'],
    [{ PPTFileUrl: 'zip' }, 801009, 'PPTFileUrl'],
    [{ PPTFileUrl: 'missing' }, 801008, 'PPTFileUrl'],
    [{ PageConfigs: [{}, { InputAudioUrl: 'brief' }] }, 801510, 'PageConfigs.1.InputAudioUrl'],
    [{ PageConfigs: [{ VirtualmanKey: '9e41d7a06c3b4e5f8a12b7c4d5e6f701' }] }, 801009, '1280x720 is neither'],
    [
      { PageConfigs: [{ VirtualmanKey: avatar }, { VirtualmanKey: '5b0c8f7e21d94f3ab8d6a1f0c3e97d10' }] },
      801009,
      'not alike',
    ],
  ] as ReadonlyArray<[{ PPTFileUrl?: string; PageConfigs?: Array<Record<string, string>> }, number, string]>)(
    'fails the task for %j with %i',
    async (more, code, found) => {
      const pages = (more.PageConfigs ?? [{}]).map((page) => {
        const { InputAudioUrl: name } = page;
        return { ...heard(), ...page, ...(name ? { InputAudioUrl: urls[name] } : {}) };
      });
      const file = more.PPTFileUrl ?? 'deck';
      const end = await slides({ PPTFileUrl: urls[file] ?? media.url(file), PageConfigs: pages });
      expect(end).toMatchObject({ Status: 'FAIL', FailCode: code, Progress: -1 });
      expect(end.FailMessage).toContain(found);
    },
  );

  it('has room for one job, and a progress address that knows no other tasks', async () => {
    const slow = await startEmulator({ speed: 1 });
    try {
      const payload = { PPTFileUrl: urls.deck, PageConfigs: [heard()] };
      const first = await ivh(slow, pptSubmit, payload);
      const { body } = await ivh(slow, pptSubmit, payload);
      expect(body.Header).toMatchObject({ Code: 100008 });
      expect(body.Header.Message).toMatch(/PPT video jobs submitted, limit: 1$/);
      const { TaskId } = first.body.Payload;
      expect((await ivh(slow, 'getprogress', { TaskId })).body.Header.Code).toBe(110006);
      const { body: here } = await ivh(slow, pptProgress, { TaskId });
      expect(here.Payload).toMatchObject({ Status: 'COMMIT', Progress: 0 });
      expect(here.Payload.ArrayCount).toBeUndefined();
    } finally {
      await slow.close();
    }
  });

  it.each([
    [{ PageConfigs: [] }, 100001, 'PageConfigs'],
    [{ PageConfigs: [{ VirtualmanKey: 'nobody', InputSsml: 'hello' }] }, 100016, 'nobody'],
    [{ PageConfigs: [{ DriverType: 'OriginalVoice' }] }, 100001, 'InputAudioUrl is required'],
    [
      { PageConfigs: [{ InputSsml: 'hi', SpeechParam: { Speed: 3 } }] },
      100001,
      'Speed value invalid, ranges:0.5-1.5',
    ],
  ])('refuses %j', async (more, code, found) => {
    const { body } = await ivh(emulator, pptSubmit, { PPTFileUrl: 'https://a.b/c.pptx', ...more });
    expect(body.Header.Code).toBe(code);
    expect(body.Header.Message).toContain(found);
  });
});
