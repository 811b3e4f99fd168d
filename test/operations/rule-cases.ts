/** One case of a rule across fields, tried on both halves. */
export interface Rule {
  readonly name: string;
  /** Wire fields to take away from all the fixture's requests in one. */
  readonly without?: readonly string[];
  readonly set?: Readonly<Record<string, unknown>>;
  /** Wire fields that are named; none when it is accepted. */
  readonly refused: readonly string[];
}

const text = { DriverType: 'Text' };
const recording = { DriverType: 'OriginalVoice' };
const changedVoice = { DriverType: 'ModulatedVoice' };
const speed = 'SpeechParam.Speed';
const timbre = 'SpeechParam.TimbreKey';

/** What every text must be: one line of sound markup. `field` is where it stands. */
const markup = (field: string): readonly Rule[] => [
  { name: 'one line of SSML', set: { [field]: 'One two<break time="1s"/> three' }, refused: [] },
  ...['\n', '\r', '\r\n', '\u2028', '\u2029'].map((lineBreak) => ({
    name: `SSML with ${JSON.stringify(lineBreak)}`,
    set: { [field]: `One two${lineBreak}three four` },
    refused: [field],
  })),
  { name: 'SSML that is not closed', set: { [field]: 'One two <word>three' }, refused: [field] },
  { name: 'SSML with a bare &', set: { [field]: 'Tom & Jerry' }, refused: [field] },
  { name: 'a sign that is escaped', set: { [field]: 'Tom &amp; Jerry' }, refused: [] },
];

/** Driven by a text or a recording, without training: photo and clip. */
const withoutTraining: readonly Rule[] = [
  { name: 'text and voice, no recording', set: text, without: ['InputAudioUrl'], refused: [] },
  { name: 'text, no InputSsml', set: text, without: ['InputSsml'], refused: ['InputSsml'] },
  { name: 'text, no TimbreKey', set: text, without: [timbre], refused: [timbre] },
  { name: 'text, no Speed', set: text, without: [speed], refused: [speed] },
  { name: 'text, no SpeechParam', set: text, without: ['SpeechParam'], refused: [timbre, speed] },
  {
    name: 'text, nothing at all',
    set: text,
    without: ['SpeechParam', 'InputSsml'],
    refused: ['InputSsml', timbre, speed],
  },
  { name: 'recording alone', set: recording, without: ['InputSsml', 'SpeechParam'], refused: [] },
  { name: 'recording beside a text', set: recording, refused: [] },
  { name: 'no recording', set: recording, without: ['InputAudioUrl'], refused: ['InputAudioUrl'] },
  { name: 'no driver', without: ['DriverType'], refused: ['DriverType'] },
  { name: 'a driver of other operations', set: changedVoice, refused: ['DriverType'] },
  ...markup('InputSsml'),
];

const image: readonly Rule[] = [
  { name: 'image by address', refused: [] },
  { name: 'image in base64', without: ['ImageUrl'], set: { ImageBase64: '/9j/4QlQ' }, refused: [] },
  { name: 'both images', set: { ImageBase64: '/9j/4QlQ' }, refused: [] },
  { name: 'no image', without: ['ImageUrl'], refused: ['ImageUrl'] },
];

const format = 'VideoParam.Format';
const mov = { [format]: 'TransparentMov' };

/** Driven by a text or a recording, with an avatar: basic and advanced. */
const avatar: readonly Rule[] = [
  { name: 'text alone', set: text, without: ['InputAudioUrl'], refused: [] },
  { name: 'no driver means text', without: ['DriverType', 'InputAudioUrl'], refused: [] },
  { name: 'no driver, no text', without: ['DriverType', 'InputSsml'], refused: ['InputSsml'] },
  { name: 'text, no InputSsml', set: text, without: ['InputSsml'], refused: ['InputSsml'] },
  { name: 'text, the avatar’s own voice', set: text, without: [timbre], refused: [] },
  { name: 'text, no Speed', set: text, without: [speed], refused: [speed] },
  ...[recording, changedVoice].flatMap((set): readonly Rule[] => [
    { name: `${set.DriverType} alone`, set, without: ['InputSsml'], refused: [] },
    { name: `${set.DriverType} beside a text`, set, refused: [] },
    { name: `${set.DriverType}, none`, set, without: ['InputAudioUrl'], refused: ['InputAudioUrl'] },
  ]),
  { name: 'a driver that is none', set: { DriverType: 'text' }, refused: ['DriverType'] },
  { name: 'no avatar', without: ['VirtualmanKey'], refused: ['VirtualmanKey'] },
  ...markup('InputSsml'),
  // Characters are code points: an emoji is one.
  ...['a', '😀'].flatMap((character): readonly Rule[] => [
    { name: `2,000 × ${character}, mov`, set: { ...mov, InputSsml: character.repeat(2_000) }, refused: [] },
    {
      name: `2,001 × ${character}, mov`,
      set: { ...mov, InputSsml: character.repeat(2_001) },
      refused: ['InputSsml'],
    },
  ]),
  ...['TransparentWebm', 'Mp4'].map((value) => ({
    name: `20,000, ${value}`,
    set: { [format]: value, InputSsml: 'a'.repeat(20_000) },
    refused: [],
  })),
  { name: '20,000, no format', without: [format], set: { InputSsml: 'a'.repeat(20_000) }, refused: [] },
];

const extra = 'AnchorParam.AnchorExtraParam';
/** Text that must be JSON; `field` is where it stands. */
const jsonText = (field: string): readonly Rule[] => [
  { name: `${field} of the page`, set: { [field]: '{"shirtColor":{"colorValue":10491928}}' }, refused: [] },
  // So the sample of the advanced page ends.
  { name: `${field}, a brace too many`, set: { [field]: '{"hair":{"boolValue":true}}}' }, refused: [field] },
  { name: `${field}, no JSON`, set: { [field]: 'red shirt' }, refused: [field] },
];

const starts = (...times: ReadonlyArray<number | undefined>) => ({
  DriverType: 'OriginalVoice',
  'VideoParam.ActionParams': times.map((time) => ({
    Code: 'wave',
    ...(time !== undefined && { StartTime: time }),
  })),
});
const startAt = (index: number) => `VideoParam.ActionParams.${index}.StartTime`;

const segment = (type: string | undefined, start: number | undefined, end: number | undefined) => ({
  ...(type !== undefined && { 'VideoParam.MakeType': type }),
  ...(start !== undefined && { 'VideoParam.StartTime': start }),
  ...(end !== undefined && { 'VideoParam.EndTime': end }),
});
const end = ['VideoParam.EndTime'];

const stretches = (...pairs: ReadonlyArray<readonly [number | undefined, number | undefined]>) => ({
  'VideoParam.DisableIntervals': pairs.map(([from, to]) => ({
    ...(from !== undefined && { StartTime: from }),
    ...(to !== undefined && { EndTime: to }),
  })),
});
const stretch = 'VideoParam.DisableIntervals';

const page = (index: number, name: string) => `PageConfigs.${index}.${name}`;
const line = 'https://example.com/line.mp3';
const colour = 'GlobalConfig.BackgroundColor';

/** Each cross-field rule, both ways, by operation. */
export const rules: Readonly<Record<string, readonly Rule[]>> = {
  submit_portrait_sing: [...image, { name: 'no audio', without: ['AudioUrl'], refused: ['AudioUrl'] }],
  submit_image_animate: image,
  synthesize_speech: [
    { name: 'a voice, no avatar', without: ['VirtualmanKey'], refused: [] },
    { name: 'an avatar, no voice', without: ['TimbreKey'], refused: [] },
    { name: 'both', refused: [] },
    { name: 'neither', without: ['TimbreKey', 'VirtualmanKey'], refused: ['TimbreKey'] },
    { name: 'no speed', without: ['Speed'], refused: ['Speed'] },
    { name: 'no text', without: ['InputSsml'], refused: ['InputSsml'] },
    { name: 'another rate', set: { SampleRate: 8000 }, refused: ['SampleRate'] },
    ...markup('InputSsml'),
  ],
  make_video: [
    ...avatar,
    { name: 'recording, no Speed', set: recording, without: [speed], refused: [speed] },
    { name: 'recording, no SpeechParam', set: recording, without: ['SpeechParam'], refused: ['SpeechParam'] },
    { name: 'changed voice, no Speed', set: changedVoice, without: [speed], refused: [speed] },
  ],
  make_video_advanced: [
    ...avatar,
    { name: 'text, no SpeechParam', set: text, without: ['SpeechParam'], refused: [speed] },
    { name: 'recording, no SpeechParam', set: recording, without: ['SpeechParam'], refused: [] },
    { name: 'changed voice, no Speed', set: changedVoice, without: [speed], refused: [] },
    ...jsonText(`VideoParam.${extra}`),
    { name: 'actions in order', set: starts(0, 1, 2000), refused: [] },
    { name: 'one action', set: starts(5000), refused: [] },
    { name: 'no actions', set: starts(), refused: [] },
    { name: 'actions at once', set: starts(5000, 5000), refused: [startAt(1)] },
    { name: 'actions backwards', set: starts(5000, 4999), refused: [startAt(1)] },
    { name: 'the third too early', set: starts(1, 3, 2), refused: [startAt(2)] },
    { name: 'two without a time', set: starts(undefined, undefined), refused: [startAt(1)] },
    { name: 'the first without a time', set: starts(undefined, 1), refused: [] },
  ],
  make_ppt_video: [
    { name: 'as published', refused: [] },
    { name: 'no slides', without: ['PPTFileUrl'], refused: ['PPTFileUrl'] },
    { name: 'no global settings', without: ['GlobalConfig'], refused: [] },
    { name: 'no pages', without: ['PageConfigs'], refused: ['PageConfigs'] },
    { name: 'an empty list of pages', set: { PageConfigs: [] }, refused: ['PageConfigs'] },
    {
      name: 'bare pages',
      set: { PageConfigs: [{ InputSsml: 'One.' }, { InputSsml: 'Two.' }] },
      refused: [],
    },
    ...[0, 2].flatMap((index): readonly Rule[] => [
      {
        name: `page ${index}, no text`,
        without: [page(index, 'InputSsml')],
        refused: [page(index, 'InputSsml')],
      },
      {
        name: `page ${index}, no recording`,
        set: { [page(index, 'DriverType')]: 'OriginalVoice' },
        refused: [page(index, 'InputAudioUrl')],
      },
      {
        name: `page ${index}, a recording`,
        without: [page(index, 'InputSsml')],
        set: { [page(index, 'DriverType')]: 'OriginalVoice', [page(index, 'InputAudioUrl')]: line },
        refused: [],
      },
      { name: `page ${index}, no speed, no voice`, without: [page(index, 'SpeechParam')], refused: [] },
      ...jsonText(page(index, `VideoParam.${extra}`)),
    ]),
    {
      name: 'page 1, a driver of other operations',
      set: { [page(1, 'DriverType')]: 'ModulatedVoice' },
      refused: [page(1, 'DriverType')],
    },
    {
      name: 'two pages at fault',
      without: [page(0, 'InputSsml'), page(1, 'InputSsml')],
      refused: [page(0, 'InputSsml'), page(1, 'InputSsml')],
    },
    ...markup(page(1, 'InputSsml')),
    ...jsonText(`GlobalConfig.VideoParam.${extra}`),
    ...['#FFFFFF', '#ffffff', '#FaFa00', '#012345'].map((value) => ({
      name: `colour ${value}`,
      set: { [colour]: value },
      refused: [],
    })),
    ...['#FFF', 'FFFFFF', '#GGGGGG', '#FFFFFFF', '#FFFFFF80', ' #FFFFFF', 'white', ''].map((value) => ({
      name: `colour ${JSON.stringify(value)}`,
      set: { [colour]: value },
      refused: [colour],
    })),
  ],
  video_to_video: [
    ...withoutTraining,
    { name: 'no clip', without: ['RefVideoUrl'], refused: ['RefVideoUrl'] },
    { name: 'segment of 1.001 s', set: segment('Custom', 1, 2.001), refused: [] },
    { name: 'segment of 1 s', set: segment('Custom', 1, 2), refused: end },
    { name: 'segment of 1 s between decimals', set: segment('Custom', 1.2, 2.2), refused: end },
    { name: 'segment from the start, 1.001 s', set: segment('Custom', undefined, 1.001), refused: [] },
    { name: 'segment from the start, 1 s', set: segment('Custom', undefined, 1), refused: end },
    { name: 'segment to the end', set: segment('Custom', 7, undefined), refused: [] },
    { name: 'segment backwards', set: segment('Custom', 9, 2), refused: end },
    ...[undefined, 'Default', 'Circle', 'CustomOnlyStart'].map((type) => ({
      name: `1 s, but ${type}`,
      set: segment(type, 1, 2),
      refused: [],
    })),
    { name: 'stretches that touch', set: stretches([1, 2], [2, 3], [3, 4]), refused: [] },
    { name: 'no stretches', set: stretches(), refused: [] },
    { name: 'overlapping', set: stretches([1, 3], [2.999, 4]), refused: [`${stretch}.1.StartTime`] },
    { name: 'descending', set: stretches([3, 4], [1, 2]), refused: [`${stretch}.1.StartTime`] },
    {
      name: 'the third inside the first',
      set: stretches([1, 9], [2, 3], [4, 5]),
      refused: [`${stretch}.1.StartTime`, `${stretch}.2.StartTime`],
    },
    { name: 'empty stretch', set: stretches([1, 1]), refused: [`${stretch}.0.EndTime`] },
    { name: 'stretch backwards', set: stretches([1, 2], [4, 3]), refused: [`${stretch}.1.EndTime`] },
    { name: 'no end', set: stretches([1, 2], [3, undefined]), refused: [`${stretch}.1`] },
    { name: 'no start', set: stretches([undefined, 2]), refused: [`${stretch}.0`] },
    { name: 'neither', set: stretches([undefined, undefined]), refused: [`${stretch}.0`] },
  ],
  'photo_to_video (cn)': withoutTraining,
  'photo_to_video (intl)': withoutTraining,
  video_retalk: [
    { name: 'no reference image', without: ['input.ref_image_url'], refused: [] },
    { name: 'no parameters', without: ['parameters'], refused: [] },
    { name: 'no clip', without: ['input.video_url'], refused: ['input.video_url'] },
    { name: 'no recording', without: ['input.audio_url'], refused: ['input.audio_url'] },
  ],
};
