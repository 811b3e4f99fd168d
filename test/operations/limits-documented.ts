/** Both ends of a range in one line. */
const range = (path: string, unit: '' | 'Length' | 'Items', low: number, high: number) => [
  unit ? `${path} min${unit} ${low}` : `${path} minimum ${low}`,
  unit ? `${path} max${unit} ${high}` : `${path} maximum ${high}`,
];

/** A range that leaves its lower end out. */
const above = (path: string, low: number, high: number) => [
  `${path} exclusiveMinimum ${low}`,
  `${path} maximum ${high}`,
];

const named = (...paths: readonly string[]) => paths.map((path) => `${path} minLength 1`);

const speech = (at: string) => [
  ...range(`${at}Speed`, '', 0.5, 1.5),
  ...range(`${at}Volume`, '', 0, 10),
  ...range(`${at}EmotionIntensity`, '', 50, 200),
  ...named(`${at}TimbreKey`, `${at}EmotionCategory`, `${at}TimbreLanguage`),
];

const logo = (at: string) => above(`${at}LogoParams.[].Scale`, 0, 15);

/** Avatar and frames, as the advanced page and the PPT page have them. */
const editing = (at: string, makeTypes: string) => [
  ...above(`${at}AnchorParam.Scale`, 0, 20),
  ...range(`${at}AnchorParam.Angle`, '', 0, 360),
  ...named(`${at}AnchorParam.AnchorExtraParam`),
  `${at}SmallSampleParam.MakeType enum ${makeTypes}`,
  `${at}SmallSampleParam.StartIdx minimum 0`,
  `${at}SmallSampleParam.EndIdx minimum 0`,
];

const avatarVideo = [
  ...named('VirtualmanKey'),
  'DriverType enum Text|OriginalVoice|ModulatedVoice',
  ...range('InputSsml', 'Length', 1, 20_000),
  ...speech('SpeechParam.'),
  'VideoParam.Format enum TransparentWebm|TransparentMov|Mp4',
  'ConcurrencyType enum Exclusive|Shared',
  'CallbackUrl maxLength 999',
];

const photo = [
  'DriverType enum Text|OriginalVoice',
  ...range('InputSsml', 'Length', 4, 300),
  ...speech('SpeechParam.'),
  'CallbackUrl maxLength 999',
];

const toggles = ['DisableIdDetect', 'DisabledDetect', 'DisableOcclusionDetect', 'EnableFakeTeeth'];

/** The numbers as read on the pages, written down a second time, in the wire's names. */
export const documented: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: [
    ...range('ImageBase64', 'Length', 1, 10_000_000),
    'Mode enum Person|Pet',
    'Resolution enum 512:512',
    ...range('LogoParam.LogoImage', 'Length', 1, 10_000_000),
  ],
  submit_image_animate: [
    ...range('ImageBase64', 'Length', 1, 10_000_000),
    'TemplateId enum ke3|tuziwu|huajiangwu',
    ...range('LogoParam.LogoImage', 'Length', 1, 10_000_000),
  ],
  synthesize_speech: [
    ...range('InputSsml', 'Length', 1, 20_000),
    ...named('VirtualmanKey', 'SentenceDisplayPunctuation', 'SentenceSplitPunctuation'),
    ...speech(''),
    'Codec enum mp3|wav',
    'SampleRate enum 24000|16000',
    ...range('SentenceMaxWords', '', 0, 999),
  ],
  make_video: avatarVideo,
  make_video_advanced: [
    ...avatarVideo,
    ...range('VideoParam.SubtitlesParam.MaxWords', '', 0, 999),
    ...named(
      'VideoParam.SubtitlesParam.DisplayPunctuation',
      'VideoParam.SubtitlesParam.SplitPunctuation',
      'VideoParam.ActionParams.[].Code',
    ),
    ...logo('VideoParam.'),
    'VideoParam.ActionParams.[].StartTime minimum 0',
    ...editing('VideoParam.', 'Default|Custom|Circle|CustomOnlyStart'),
  ],
  make_ppt_video: [
    ...range('GlobalConfig.AdaptationType', '', 0, 1),
    ...logo('GlobalConfig.'),
    ...speech('GlobalConfig.SpeechParam.'),
    ...editing('GlobalConfig.VideoParam.', 'Default|Custom|Circle'),
    ...range('PageConfigs', 'Items', 1, 50),
    ...named('PageConfigs.[].VirtualmanKey'),
    'PageConfigs.[].DriverType enum Text|OriginalVoice',
    ...range('PageConfigs.[].InputSsml', 'Length', 1, 20_000),
    ...speech('PageConfigs.[].SpeechParam.'),
    ...editing('PageConfigs.[].VideoParam.', 'Default|Custom|Circle'),
  ],
  video_to_video: [
    'DriverType enum Text|OriginalVoice',
    ...range('InputSsml', 'Length', 4, 2_000),
    ...speech('SpeechParam.'),
    'ConcurrencyType enum Exclusive|Shared',
    ...range('VideoLoop', '', 0, 1),
    ...range('VideoParametersConsistent', '', 0, 1),
    'CallbackUrl maxLength 999',
    'VideoParam.RefPhotoUrls maxItems 10',
    'VideoParam.FaceMatchMode enum Strict|Loose',
    ...toggles.flatMap((name) => range(`VideoParam.${name}`, '', 0, 1)),
    ...range('VideoParam.EnableMusicMode', '', 0, 1),
    'VideoParam.MouthMode enum Soft|Exaggerated',
    'VideoParam.MakeType enum Default|Custom|Circle|CustomOnlyStart',
    'VideoParam.StartTime minimum 0',
    'VideoParam.EndTime minimum 0',
    'VideoParam.DisableIntervals maxItems 5',
    'VideoParam.DisableIntervals.[].StartTime minimum 0',
    'VideoParam.DisableIntervals.[].EndTime minimum 0',
  ],
  'photo_to_video (cn)': [
    ...photo,
    ...range('VideoParam.Resolution', '', 0, 1),
    ...range('VideoParam.Prompt', 'Length', 1, 5000),
  ],
  'photo_to_video (intl)': [
    ...photo,
    'ConcurrencyType enum Exclusive|Shared',
    ...range('VideoParam.EmotionLevel', '', 1, 3),
  ],
  video_retalk: ['model enum videoretalk', ...range('parameters.query_face_threshold', '', 120, 200)],
};

/** Where the tool says more than the page: VCLM takes every other number for 1. */
export const toolOnly: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: range('logo_add', '', 0, 1),
  submit_image_animate: range('logo_add', '', 0, 1),
};

/** Where the wire says more than the tool: the model is no choice, and the twin is one field there. */
export const wireOnly: Readonly<Record<string, readonly string[]>> = {
  video_retalk: ['model enum videoretalk'],
  video_to_video: range('VideoParam.DisabledDetect', '', 0, 1),
};
