import type { Json } from './material.ts';

/** What is changed in the operation's plain input (undefined: taken away), and the fields that are named. */
export type Condition = readonly [change: Json, named: readonly string[]];

const url = (name: string) => `https://example.com/${name}`;
const recording = { driver_type: 'OriginalVoice', input_audio_url: url('a.mp3'), input_ssml: undefined };
const changedVoice = { ...recording, driver_type: 'ModulatedVoice' };
const action = '一二三四五六七八九十<insert-action type="wave"/>一二三四五六七八九十';
/** Its action stands too near to the end to show. */
const lateAction = '一二三四五六七八九十<insert-action type="wave"/>一二';

/** A complete input that nothing is to be said about, by operation. */
export const plain: Readonly<Record<string, Json>> = {
  submit_portrait_sing: { audio_url: url('a.mp3'), image_url: url('a.jpg') },
  submit_image_animate: { image_url: url('a.jpg') },
  synthesize_speech: { input_ssml: 'Some words.', timbre_key: 'voice', speed: 1 },
  make_video: { virtualman_key: 'v', input_ssml: 'Some words.', speech_param: { speed: 1 } },
  make_video_advanced: { virtualman_key: 'v', input_ssml: 'Some words.', speech_param: { speed: 1 } },
  make_ppt_video: {
    ppt_file_url: url('a.pptx'),
    page_configs: [
      { input_ssml: 'One.', virtualman_key: 'v' },
      { input_ssml: 'Two.', virtualman_key: 'v' },
    ],
  },
  video_to_video: {
    ref_video_url: url('a.mp4'),
    driver_type: 'Text',
    input_ssml: 'Some words.',
    speech_param: { timbre_key: 'voice', speed: 1 },
  },
  'photo_to_video (cn)': {
    ref_photo_url: url('a.jpg'),
    driver_type: 'Text',
    input_ssml: 'Some words.',
    speech_param: { timbre_key: 'voice', speed: 1 },
  },
  'photo_to_video (intl)': {
    ref_photo_url: url('a.jpg'),
    driver_type: 'Text',
    input_ssml: 'Some words.',
    speech_param: { timbre_key: 'voice', speed: 1 },
  },
  video_retalk: { video_url: url('a.mp4'), audio_url: url('a.mp3') },
};

/** Settings of the voice; `at` is where they stand. */
const voice = (at: string): readonly Condition[] => [
  [{ [`${at}emotion_intensity`]: 60 }, [`${at}emotion_intensity`]],
  [{ [`${at}emotion_intensity`]: 60, [`${at}emotion_category`]: 'sad' }, []],
  [{ [`${at}emotion_category`]: 'sad' }, []],
  ...['male_1', 'male_20', 'female_1', 'female_9', 'female_23'].map(
    (name): Condition => [{ [`${at}timbre_key`]: name, [`${at}volume`]: 3 }, [`${at}volume`]],
  ),
  ...['male_21', 'female_24', 'male_0', 'male_200', 'xfemale_1', 'voice'].map(
    (name): Condition => [{ [`${at}timbre_key`]: name, [`${at}volume`]: 3 }, []],
  ),
  [{ [`${at}timbre_key`]: 'male_1', [`${at}volume`]: 0 }, []],
  [{ [`${at}timbre_key`]: 'male_1' }, []],
];

/** Text or recording, where both may be given. */
const drivers: readonly Condition[] = [
  [{}, []],
  [{ input_audio_url: url('a.mp3') }, ['input_audio_url']],
  [{ ...recording, speech_param: { speed: 1 } }, ['speech_param.speed']],
  [
    { ...recording, speech_param: { speed: 1 }, input_ssml: 'Some words.' },
    ['speech_param.speed', 'input_ssml'],
  ],
  [{ input_ssml: lateAction }, ['input_ssml']],
  [{ input_ssml: action }, []],
];

const withoutTraining: readonly Condition[] = [
  ...drivers,
  [{ ...recording, speech_param: undefined }, []],
  ...voice('speech_param.'),
];

const start = (at: string) => `${at}small_sample_param.start_idx`;
const end = (at: string) => `${at}small_sample_param.end_idx`;
const type = (at: string) => `${at}small_sample_param.make_type`;

/** Avatar and frames; `at` is where they stand, `driver` makes a recording drive. */
const editing = (at: string, driver: Json): readonly Condition[] => [
  [{ [`${at}anchor_param.angle`]: 90 }, [`${at}anchor_param.angle`]],
  [{ [`${at}anchor_param.scale`]: 2 }, []],
  [{ [`${at}smart_action_enabled`]: true }, []],
  [{ [start(at)]: 5 }, [start(at)]],
  [{ [end(at)]: 5 }, [end(at)]],
  [{ [type(at)]: 'Default', [start(at)]: 5, [end(at)]: 9 }, [start(at), end(at)]],
  [{ [type(at)]: 'Custom', [start(at)]: 5, [end(at)]: 9 }, []],
  [{ ...driver, [type(at)]: 'Circle', [start(at)]: 5 }, []],
  [{ ...driver, [type(at)]: 'Circle', [start(at)]: 5, [end(at)]: 9 }, [end(at)]],
  [{ [type(at)]: 'Circle' }, [type(at)]],
];

const v = 'video_param.';
const edits: Readonly<Record<string, unknown>> = {
  background_file_url: url('a.png'),
  video_head_file_url: url('a.mp4'),
  video_tail_file_url: url('b.mp4'),
  show_subtitles: true,
  logo_params: [{ logo_file_url: url('a.png') }],
};
const silent = { ...recording, speech_param: undefined };
const page = 'page_configs.0.';
const pageRecording = {
  [`${page}driver_type`]: 'OriginalVoice',
  [`${page}input_audio_url`]: url('a.mp3'),
  [`${page}input_ssml`]: undefined,
};
const recordedPages = [1, 2].map((name) => ({
  virtualman_key: 'v',
  driver_type: 'OriginalVoice',
  input_audio_url: url(`${name}.mp3`),
}));
const g = 'global_config.';

/** Each "takes effect only when" of the pages, both ways. */
export const conditions: Readonly<Record<string, readonly Condition[]>> = {
  submit_portrait_sing: [
    [{}, []],
    [{ image_base64: 'AAAA' }, ['image_url']],
    [{ image_base64: 'AAAA', image_url: undefined }, []],
  ],
  submit_image_animate: [
    [{}, []],
    [{ image_base64: 'AAAA' }, ['image_url']],
    [{ image_base64: 'AAAA', image_url: undefined }, []],
    [{ enable_segment: true }, []],
    [{ enable_segment: true, template_id: 'ke3' }, []],
    [{ enable_segment: true, template_id: 'tuziwu' }, ['enable_segment']],
    [{ enable_segment: true, template_id: 'huajiangwu' }, ['enable_segment']],
    [{ template_id: 'huajiangwu' }, []],
  ],
  synthesize_speech: [
    [{}, []],
    ...voice(''),
    [{ virtualman_key: 'v' }, ['virtualman_key']],
    [{ virtualman_key: 'v', timbre_key: undefined }, []],
    [{ input_ssml: lateAction }, ['input_ssml']],
  ],
  make_video: [
    ...drivers,
    ...voice('speech_param.'),
    [changedVoice, ['speech_param.speed']],
    [{ subtitle_storage_s3_url: url('a.srt') }, []],
    [
      { ...recording, subtitle_storage_s3_url: url('a.srt') },
      ['speech_param.speed', 'subtitle_storage_s3_url'],
    ],
  ],
  make_video_advanced: [
    ...drivers,
    ...voice('speech_param.'),
    [silent, []],
    [changedVoice, ['speech_param.speed']],
    [{ subtitle_storage_s3_url: url('a.srt') }, []],
    [{ ...silent, subtitle_storage_s3_url: url('a.srt') }, ['subtitle_storage_s3_url']],
    ...editing(v, silent),
    [{ [type(v)]: 'CustomOnlyStart', [start(v)]: 5 }, []],
    [{ [type(v)]: 'CustomOnlyStart', [end(v)]: 9 }, [end(v)]],
    [{ ...silent, [`${v}smart_action_enabled`]: true }, [`${v}smart_action_enabled`]],
    [{ ...silent, [`${v}smart_action_enabled`]: false }, []],
    [{ input_ssml: action, [`${v}smart_action_enabled`]: true }, [`${v}smart_action_enabled`]],
    [{ [`${v}action_params`]: [{ code: 'wave' }] }, [`${v}action_params`]],
    [{ ...silent, ...changedVoice, [`${v}action_params`]: [{ code: 'wave' }] }, [`${v}action_params`]],
    [{ ...silent, [`${v}action_params`]: [{ code: 'wave' }] }, []],
    [{ [`${v}action_params`]: [] }, []],
    [{ [`${v}subtitles_param.max_words`]: 9 }, [`${v}subtitles_param`]],
    [{ [`${v}subtitles_param.max_words`]: 9, [`${v}show_subtitles`]: false }, [`${v}subtitles_param`]],
    [{ [`${v}subtitles_param.max_words`]: 9, [`${v}show_subtitles`]: true }, []],
    [{ ...silent, [`${v}show_subtitles`]: true }, [`${v}show_subtitles`]],
    [{ ...silent, [`${v}show_subtitles`]: false }, []],
    ...Object.entries(edits).flatMap(([name, value]): readonly Condition[] => [
      [{ [v + name]: value }, []],
      [{ [v + name]: value, [`${v}format`]: 'Mp4' }, []],
      [{ [v + name]: value, [`${v}format`]: 'TransparentWebm' }, [v + name]],
      [{ [v + name]: value, [`${v}format`]: 'TransparentMov' }, [v + name]],
    ]),
    [{ [`${v}anchor_param.scale`]: 2, [`${v}format`]: 'TransparentWebm' }, []],
  ],
  make_ppt_video: [
    [{}, []],
    [{ [`${g}background_color`]: '#FFFFFF' }, [`${g}background_color`]],
    [{ [`${g}background_color`]: '#FFFFFF', [`${g}adaptation_type`]: 0 }, [`${g}background_color`]],
    [{ [`${g}background_color`]: '#FFFFFF', [`${g}adaptation_type`]: 1 }, []],
    [{ [`${page}virtualman_key`]: undefined }, ['page_configs.0']],
    [{ [`${page}virtualman_key`]: undefined, [`${page}speech_param.timbre_key`]: 'voice' }, []],
    [{ [`${page}virtualman_key`]: undefined, [`${g}speech_param.timbre_key`]: 'voice' }, []],
    [{ ...pageRecording, [`${page}virtualman_key`]: undefined }, []],
    [{ [`${g}show_subtitles`]: true, page_configs: recordedPages }, [`${g}show_subtitles`]],
    [{ [`${g}show_subtitles`]: false, page_configs: recordedPages }, []],
    [{ ...pageRecording, [`${g}show_subtitles`]: true }, []],
    [{ [`${page}input_audio_url`]: url('a.mp3') }, [`${page}input_audio_url`]],
    [{ ...pageRecording, [`${page}input_ssml`]: 'One.' }, [`${page}input_ssml`]],
    [{ ...pageRecording, [`${page}speech_param.speed`]: 1 }, [`${page}speech_param.speed`]],
    [{ ...pageRecording, [`${page}${v}smart_action_enabled`]: true }, [`${page}${v}smart_action_enabled`]],
    [
      { [`${page}input_ssml`]: action, [`${page}${v}smart_action_enabled`]: true },
      [`${page}${v}smart_action_enabled`],
    ],
    [{ 'page_configs.1.input_ssml': lateAction }, ['page_configs.1.input_ssml']],
    ...voice(`${page}speech_param.`),
    ...editing(page + v, pageRecording),
    ...editing(g + v, { page_configs: recordedPages }),
  ],
  video_to_video: [
    ...withoutTraining,
    [{ [`${v}ref_photo_url`]: url('a.jpg'), [`${v}ref_photo_urls`]: [url('b.jpg')] }, [`${v}ref_photo_url`]],
    [{ [`${v}ref_photo_url`]: url('a.jpg'), [`${v}ref_photo_urls`]: [] }, []],
    [{ [`${v}ref_photo_urls`]: [url('b.jpg')] }, []],
    [{ [`${v}ref_photo_url`]: url('a.jpg'), [`${v}disable_id_detect`]: 1 }, [`${v}ref_photo_url`]],
    [{ [`${v}ref_photo_urls`]: [url('a.jpg')], [`${v}disable_id_detect`]: 1 }, [`${v}ref_photo_url`]],
    [{ [`${v}ref_photo_url`]: url('a.jpg'), [`${v}disable_id_detect`]: 0 }, []],
    [{ [`${v}disable_id_detect`]: 1 }, []],
    [{ [`${v}face_match_mode`]: 'Strict' }, [`${v}face_match_mode`]],
    [{ [`${v}face_match_mode`]: 'Strict', [`${v}ref_photo_url`]: url('a.jpg') }, []],
    [{ [`${v}face_match_mode`]: 'Strict', [`${v}ref_photo_urls`]: [url('a.jpg')] }, []],
    [
      {
        [`${v}face_match_mode`]: 'Loose',
        [`${v}ref_photo_url`]: url('a.jpg'),
        [`${v}disable_id_detect`]: 1,
      },
      [`${v}ref_photo_url`, `${v}face_match_mode`],
    ],
    [{ [`${v}start_time`]: 2 }, [`${v}start_time`]],
    [{ [`${v}start_time`]: 2, [`${v}make_type`]: 'Default' }, [`${v}start_time`]],
    ...['Custom', 'Circle', 'CustomOnlyStart'].map(
      (name): Condition => [{ [`${v}start_time`]: 2, [`${v}make_type`]: name }, []],
    ),
    [{ [`${v}end_time`]: 4 }, [`${v}end_time`]],
    ...['Default', 'Circle', 'CustomOnlyStart'].map(
      (name): Condition => [{ [`${v}end_time`]: 4, [`${v}make_type`]: name }, [`${v}end_time`]],
    ),
    [{ [`${v}end_time`]: 4, [`${v}make_type`]: 'Custom' }, []],
    ...['Circle', 'CustomOnlyStart'].map(
      (name): Condition => [{ video_loop: 0, [`${v}make_type`]: name }, ['video_loop']],
    ),
    ...['Default', 'Custom'].map((name): Condition => [{ video_loop: 1, [`${v}make_type`]: name }, []]),
    [{ video_loop: 1 }, []],
  ],
  'photo_to_video (cn)': withoutTraining,
  'photo_to_video (intl)': withoutTraining,
  video_retalk: [
    [{}, []],
    [{ query_face_threshold: 150 }, ['query_face_threshold']],
    [{ query_face_threshold: 150, ref_image_url: url('a.jpg') }, []],
    [{ ref_image_url: url('a.jpg') }, []],
  ],
};

/** Slides: what a page inherits from the global settings counts like its own ("PageConfig > GlobalConfig"). */
export const inherited: readonly Condition[] = [
  [{ [`${g}speech_param.emotion_intensity`]: 60 }, [`${g}speech_param.emotion_intensity`]],
  [
    { [`${g}speech_param.timbre_key`]: 'male_1', [`${g}speech_param.volume`]: 3 },
    [`${g}speech_param.volume`],
  ],
  [{ [`${g}speech_param.emotion_category`]: 'sad', [`${page}speech_param.emotion_intensity`]: 60 }, []],
  [
    { [`${g}speech_param.timbre_key`]: 'male_1', [`${page}speech_param.volume`]: 3 },
    [`${page}speech_param.volume`],
  ],
  [{ [`${g}${v}smart_action_enabled`]: true, page_configs: recordedPages }, [`${g}${v}smart_action_enabled`]],
  [{ [`${g}speech_param.speed`]: 1, page_configs: recordedPages }, [`${g}speech_param.speed`]],
  [{ [`${g}${v}smart_action_enabled`]: true }, []],
  [{ [`${g}speech_param.speed`]: 1 }, []],
];
