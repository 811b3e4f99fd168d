import type { Look } from './figure.ts';

/*
 * What the emulated account owns: invented anchors, avatars and voices in the shapes that the asset API
 * documents. The two long avatar keys are those of the vendor's samples, so that the samples run as printed.
 */

export interface Anchor {
  readonly code: string;
  readonly name: string;
  readonly typeCode: string;
  readonly type: string;
  readonly purchase: 'Lease' | 'Custom';
  readonly tag: 'Basic' | 'Standard' | 'Advanced';
  readonly gender: 1 | 2;
  readonly look: Look;
}

const anchor = (
  [code, name, typeCode, type]: readonly [string, string, string, string],
  [purchase, tag, gender]: readonly [Anchor['purchase'], Anchor['tag'], 1 | 2],
  [hair, skin, clothes]: readonly [string, string, string],
): Anchor => ({ code, name, typeCode, type, purchase, tag, gender, look: { hair, skin, clothes } });

export const anchors: readonly Anchor[] = [
  anchor(
    ['anchor_yunxi', '云溪', 'real_man_2d', '2D premium'],
    ['Lease', 'Standard', 2],
    ['#3b2a22', '#f2c9a5', '#2f6fb5'],
  ),
  anchor(
    ['anchor_haoran', '浩然', 'real_man_2d', '2D premium'],
    ['Lease', 'Advanced', 1],
    ['#1f1f26', '#e3b48c', '#444b5c'],
  ),
  anchor(
    ['anchor_lan', '林岚', 'small_sample_2d', '2D small sample'],
    ['Custom', 'Basic', 2],
    ['#5a3825', '#f4d2b4', '#b5473c'],
  ),
  anchor(
    ['anchor_emma', 'Emma', 'small_sample_general_2d', '2D small sample, general'],
    ['Custom', 'Basic', 2],
    ['#c79a4b', '#f6d8c2', '#7a4fa3'],
  ),
  anchor(
    ['anchor_zhou', '周正', 'small_sample_2d', '2D small sample'],
    ['Custom', 'Basic', 1],
    ['#2a2a2a', '#dba97c', '#6b5b3e'],
  ),
  anchor(
    ['anchor_xiaoling', '小灵', 'real_man_3d', '3D realistic'],
    ['Lease', 'Advanced', 2],
    ['#6a2c8a', '#f7d6c6', '#e0789b'],
  ),
];

export interface Avatar {
  readonly key: string;
  readonly anchorCode: string;
  readonly clothes: string;
  readonly pose: string;
  readonly width: number;
  readonly height: number;
  /** Size at Scale 1: the pose image times this. */
  readonly originZoom: number;
  /** Milliseconds of the clip that a small-sample avatar was trained on; 0 for the others. */
  readonly clipMs: number;
  /** False: the avatar keeps the background that it was filmed before. */
  readonly cutOut: boolean;
  /** The day on which it stops working. */
  readonly expires: string;
  readonly timbre: string;
}

const lasting = '2036-12-31';

const avatar = (
  [key, anchorCode, clothes, pose]: readonly [string, string, string, string],
  [width, height]: readonly [number, number],
  timbre: string,
  rest: Partial<Pick<Avatar, 'clipMs' | 'cutOut' | 'expires'>> = {},
): Avatar => ({
  key,
  anchorCode,
  clothes,
  pose,
  width,
  height,
  timbre,
  // Nearly nine tenths of the height of a wide picture, two thirds of a tall one.
  originZoom: Math.round((width > height ? height / 1080 : height / 1400) * 1000) / 1000,
  clipMs: 0,
  cutOut: true,
  expires: lasting,
  ...rest,
});

export const avatars: readonly Avatar[] = [
  avatar(
    ['k3dda2d3b56f4ec89778f2e032c2e294', 'anchor_yunxi', 'blue suit', 'standing'],
    [1920, 1080],
    'female_1',
  ),
  avatar(
    ['2c3f4c11d1e54b7693156b060990544d', 'anchor_yunxi', 'blue suit', 'half figure'],
    [1920, 1080],
    'female_2',
  ),
  avatar(
    ['5b0c8f7e21d94f3ab8d6a1f0c3e97d10', 'anchor_yunxi', 'blue suit', 'standing'],
    [1080, 1920],
    'female_1',
  ),
  avatar(
    ['9e41d7a06c3b4e5f8a12b7c4d5e6f701', 'anchor_haoran', 'grey suit', 'standing'],
    [1280, 720],
    'male_1',
  ),
  avatar(['9e41d7a06c3b4e5f8a12b7c4d5e6f702', 'anchor_haoran', 'grey suit', 'seated'], [720, 1280], 'male_2'),
  avatar(
    ['c7f2a9b8145e4d60b3a8e9d1f0c2b301', 'anchor_lan', 'red dress', 'standing'],
    [1280, 720],
    'tts_female_yunxiaoxiao',
    { clipMs: 60_000 },
  ),
  avatar(
    ['c7f2a9b8145e4d60b3a8e9d1f0c2b302', 'anchor_lan', 'red dress', 'desk'],
    [1920, 1080],
    'tts_female_yunxiaoxiao',
    { clipMs: 45_000, cutOut: false },
  ),
  avatar(
    ['e1d3c5b7a9f84062915384a6b7c8d901', 'anchor_emma', 'violet blouse', 'standing'],
    [1080, 1920],
    'tts_female_emma_multi',
    { clipMs: 30_000 },
  ),
  avatar(
    ['e1d3c5b7a9f84062915384a6b7c8d902', 'anchor_emma', 'violet blouse', 'seated'],
    [640, 360],
    'female_3',
    { clipMs: 30_000 },
  ),
  avatar(
    ['04f6e8d2c0ba49a78695a4b3c2d1e001', 'anchor_zhou', 'brown coat', 'standing'],
    [1280, 720],
    'male_3',
    {
      clipMs: 20_000,
      expires: '2025-01-31',
    },
  ),
  avatar(
    ['7a8b9c0d1e2f43a4b5c6d7e8f9a0b101', 'anchor_xiaoling', 'pink dress', 'standing'],
    [1920, 1080],
    'tts_female_xiaoling',
  ),
  avatar(
    ['7a8b9c0d1e2f43a4b5c6d7e8f9a0b102', 'anchor_xiaoling', 'pink dress', 'standing'],
    [720, 1280],
    'tts_female_xiaoling',
  ),
];

/** Actions, which only 3D avatars have. */
export const actions: readonly { readonly code: string; readonly name: string }[] = [
  { code: 'action1', name: 'wave' },
  { code: 'action2', name: 'bow' },
  { code: 'nod', name: 'nod' },
  { code: 'point_left', name: 'point to the left' },
  { code: 'point_right', name: 'point to the right' },
  { code: 'thumbs_up', name: 'thumbs up' },
];

export interface Timbre {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly gender: 1 | 2;
  readonly purchase: 'Lease' | 'Custom';
  readonly type: 'Boutique' | 'SampleBasic' | 'SampleFast';
  readonly emotions: readonly string[];
  /** Languages of which one must be named; empty: the voice speaks Chinese and English unasked. */
  readonly languages: readonly string[];
  readonly expires: string;
}

const timbre = (key: string, name: string, description: string, rest: Partial<Timbre> = {}): Timbre => ({
  key,
  name,
  description,
  gender: /(^|_)male/.test(key) ? 1 : 2,
  purchase: 'Lease',
  type: 'Boutique',
  emotions: [],
  languages: [],
  expires: '',
  ...rest,
});

const numbered = (kind: 'male' | 'female', name: string, count: number) =>
  Array.from({ length: count }, (_, index) =>
    timbre(`${kind}_${index + 1}`, `${name}${index + 1}`, `Built-in ${kind} voice ${index + 1}`),
  );

export const timbres: readonly Timbre[] = [
  ...numbered('male', '男声', 10),
  ...numbered('female', '女声', 12),
  timbre('tts_female_yunxiaoxiao', '云小晓', 'Warm, for explanations'),
  timbre('tts_female_xiaoling', '小灵', 'Bright, for a 3D avatar'),
  timbre('tts_female_qing', '晴', 'With several emotions', {
    emotions: ['tc_happy', 'tc_sad', 'tc_news', 'tc_neutral'],
  }),
  timbre('tts_male_zheng', '正', 'With several emotions', {
    emotions: ['tc_angry', 'tc_neutral', 'tc_story', 'tc_radio'],
  }),
  timbre('tts_female_emma_multi', 'Emma', 'Multilingual', {
    languages: ['en-US', 'en-GB', 'de-DE', 'fr-FR', 'es-ES', 'it-IT', 'zh-CN'],
  }),
  timbre('tts_male_leo_multi', 'Leo', 'Multilingual', {
    languages: ['en-US', 'pt-BR', 'ja-JP', 'ko-KR', 'vi-VN', 'id-ID'],
  }),
  timbre('custom_female_lan', '林岚', 'Made from a short recording', {
    purchase: 'Custom',
    type: 'SampleBasic',
    expires: lasting,
  }),
  timbre('custom_male_zhou', '周正', 'Made from a minute of recording', {
    purchase: 'Custom',
    type: 'SampleFast',
    expires: lasting,
  }),
];

/** Purchased services. What is inside the details is documented nowhere; these are plausible. */
export const services = [
  {
    ServiceType: 'BroadcastHour',
    ExpireDate: lasting,
    BroadcastHourInfoDetail: { TotalSeconds: 36_000, RemainingSeconds: 28_800 },
  },
  {
    ServiceType: 'BroadcastConcurrency',
    ExpireDate: lasting,
    BroadcastConcurrencyInfoDetail: { Total: 1, InUse: 0 },
  },
  { ServiceType: 'TimbreAsset', ExpireDate: lasting, TimbreAssetInfoDetail: { Total: 5, Used: 2 } },
] as const;

const avatarByKey = new Map(avatars.map((each) => [each.key, each]));
const anchorByCode = new Map(anchors.map((each) => [each.code, each]));
const timbreByKey = new Map(timbres.map((each) => [each.key, each]));

export const findAvatar = (key: string) => avatarByKey.get(key);
export const findTimbre = (key: string) => timbreByKey.get(key);

export function anchorOf({ anchorCode }: Avatar): Anchor {
  const found = anchorByCode.get(anchorCode);
  if (!found) throw new Error(`The catalogue has no anchor ${anchorCode}.`);
  return found;
}
