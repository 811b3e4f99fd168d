import * as z from 'zod';
import { defineOperation, defineWire, fileAddress } from '../../core/operation.ts';
import { type Breach, spelled } from '../../core/spelling.ts';
import * as ivh from './fields.ts';
import { getPptProgress, ivhTool, ivhWire, pptLane, progressReply, submitReply } from './progress.ts';
import * as rules from './rules.ts';
import { spokenEstimate } from './speaking.ts';

const videoParam = z.strictObject({
  AnchorParam: ivh.anchorParam.optional(),
  SmallSampleParam: ivh.smallSampleParam(['Default', 'Custom', 'Circle']).optional(),
  SmartActionEnabled: z.boolean().optional().describe('Text without action tags only.'),
});

const page = z.strictObject({
  VirtualmanKey: z
    .string()
    .min(1)
    .optional()
    .describe('1920×1080 or 1080×1920, alike on all pages; unset: voice only.'),
  DriverType: ivh.driverType.optional(),
  InputSsml: ivh.ssml(1, 20_000).optional().describe('Text or SSML, one line.'),
  InputAudioUrl: fileAddress().optional().describe('0.5 s–60 min, 30 without avatar.'),
  SpeechParam: ivh.speechParam.optional(),
  VideoParam: videoParam.optional(),
});

const { request, input, encode } = spelled(
  z.strictObject({
    PPTFileUrl: fileAddress().describe('ppt, pptx, pdf; 100 MB, 50 pages.'),
    GlobalConfig: z
      .strictObject({
        AdaptationType: ivh.toggle().optional().describe('0 stretches, 1 keeps shape.'),
        BackgroundColor: ivh.hexColour.optional().describe('Like #FFFFFF; with adaptation_type 1.'),
        ShowSubtitles: z.boolean().optional().describe('Text only; slow.'),
        LogoParams: z.array(ivh.logoParam).optional(),
        SpeechParam: ivh.speechParam.optional(),
        VideoParam: videoParam.optional(),
      })
      .optional()
      .describe('For all pages; a page’s own win.'),
    PageConfigs: z.array(page).min(1).max(50).describe('One a page, in order.'),
  }),
  (wanted) => {
    const breaches: Breach[] = rules.jsonTextBreaches(
      'GlobalConfig.VideoParam.AnchorParam.AnchorExtraParam',
      wanted.GlobalConfig?.VideoParam?.AnchorParam?.AnchorExtraParam,
    );
    for (const [index, config] of wanted.PageConfigs.entries()) {
      const at = `PageConfigs.${index}`;
      const extra = config.VideoParam?.AnchorParam?.AnchorExtraParam;
      breaches.push(
        ...rules.drivenRules({ at })(config),
        ...rules.jsonTextBreaches(`${at}.VideoParam.AnchorParam.AnchorExtraParam`, extra),
      );
    }
    return breaches;
  },
);

type Page = z.output<typeof page>;
type Global = NonNullable<z.output<typeof request>['GlobalConfig']>;

/** What one page will ignore, its own settings and the inherited ones together; paths as within the page. */
function effectiveWarnings(config: Page, global: Global): string[] {
  const speech = { ...global.SpeechParam, ...config.SpeechParam };
  const video = { ...global.VideoParam, ...config.VideoParam };
  const driver = config.DriverType ?? 'Text';
  return [
    ...rules.drivenWarnings({ ...config, SpeechParam: speech }),
    ...rules.editingWarnings('video_param', video, driver, config.InputSsml),
  ];
}

/** Whether the setting that a warning begins with stands in the page itself. */
function isOwn(config: Page, warning: string): boolean {
  const [group, field] = (warning.split(' ')[0] ?? '').split('.');
  const own =
    group === 'speech_param' ? config.SpeechParam : group === 'video_param' ? config.VideoParam : undefined;
  if (group !== 'speech_param' && group !== 'video_param') return true;
  return Object.keys(own ?? {}).some((name) => rules.inputName(name) === field);
}

/** Warnings of all pages; what is inherited is said once, and only if no page at all can use it. */
function allWarnings(pages: readonly Page[], global: Global): string[] {
  const warnings: string[] = [];
  const inherited = new Map<string, number>();
  for (const [index, config] of pages.entries()) {
    const at = `page_configs.${index}`;
    for (const warning of effectiveWarnings(config, global))
      if (isOwn(config, warning)) warnings.push(`${at}.${warning}`);
      else inherited.set(warning, (inherited.get(warning) ?? 0) + 1);
    const voice = config.SpeechParam?.TimbreKey ?? global.SpeechParam?.TimbreKey;
    if ((config.DriverType ?? 'Text') === 'Text' && !config.VirtualmanKey && !voice)
      warnings.push(
        `${at} has neither an avatar nor a timbre_key: the cloud may not know which voice to use.`,
      );
  }
  for (const [warning, count] of inherited)
    if (count === pages.length) warnings.push(`global_config.${warning}`);
  return warnings;
}

/** IVH, narrated slides, page of 2026-04-01. It has a progress endpoint of its own. */
export const makePptVideo = defineOperation({
  ...ivhTool,
  wire: defineWire({
    ...ivhWire,
    operation: 'videomakewithppt',
    documentation: [{ title: 'IVH broadcast service, video production from slides', date: '2026-04-01' }],
    submit: {
      address: '/v2/ivh/mediaproduction/mediaproduction/videomakewithppt',
      request,
      reply: submitReply,
    },
    status: { address: getPptProgress, reply: progressReply },
    media: {
      PPTFileUrl: {
        kind: 'document',
        formats: ['ppt', 'pptx', 'pdf'],
        maxBytes: 100 * 1024 * 1024,
        pages: 50,
        codes: { download: '801008', open: '801009', format: '801009', bytes: '801009', pages: '801009' },
      },
      'PageConfigs[].InputAudioUrl': ivh.drivingAudio,
      'GlobalConfig.LogoParams[].LogoFileUrl': ivh.logoPicture,
    },
    lane: pptLane,
  }),
  name: 'make_ppt_video',
  title: 'Narrated slides (Tencent IVH)',
  description:
    'Narrates slides page by page, with or without an avatar. One job at a time. Paid; returns a job at once.',
  input,
  encode,
  example: {
    ppt_file_url: 'https://example.com/slides.pptx',
    global_config: { speech_param: { timbre_key: 'female_1', speed: 1 } },
    page_configs: [
      { input_ssml: 'Welcome to our yearly report.' },
      { input_ssml: 'Sales grew in every region.' },
    ],
  },
  notes: [
    'speed is optional here, required on the other pages; the sample sends 0 for unset, which is outside the range.',
    'timbre_key: the page speaks of it beside OriginalVoice; it takes effect for text.',
    'Avatars of all pages must be of one kind and one size, 1920×1080 or 1080×1920; that cannot be checked before the cloud does.',
    'The progress of this operation has no queue position.',
    'page_configs may be fewer than the pages: then only the first ones are made. A page’s own settings win over global_config; what it leaves out is inherited.',
    'A page without virtualman_key has voice only; give it a timbre_key, of its own or in global_config.',
    ...rules.ssmlNotes,
    ...rules.avatarNotes,
    ...rules.placementNotes,
  ],
  acrossMedia: ({ PageConfigs: pages }, facts) => {
    const count = facts('PPTFileUrl')?.pages;
    const problems = pages.flatMap((config, index) =>
      config.DriverType === 'OriginalVoice' && !config.VirtualmanKey
        ? rules.lengthProblem(
            `page_configs.${index}.input_audio_url`,
            facts(`PageConfigs.${index}.InputAudioUrl`)?.seconds,
            1800,
            'on a slide without an avatar',
          )
        : [],
    );
    if (count !== undefined && pages.length > count)
      problems.push({
        field: 'page_configs',
        value: `${pages.length} entries`,
        limit: `are more than the ${count} slides of the file`,
        mend: `Give one entry a slide, ${count} at most.`,
      });
    const left = count !== undefined && pages.length < count ? count - pages.length : 0;
    return {
      problems,
      warnings: left > 0 ? [`Only the first ${pages.length} of ${count} slides are made.`] : [],
    };
  },
  estimate: ({ PageConfigs: pages, GlobalConfig: global }, facts) => {
    const parts = pages.map((config, index) =>
      spokenEstimate(
        { ...config, SpeechParam: { ...global?.SpeechParam, ...config.SpeechParam } },
        facts,
        `PageConfigs.${index}.InputAudioUrl`,
      ),
    );
    const unknown = parts.filter(({ seconds }) => seconds === undefined).length;
    if (unknown > 0) return { basis: `the length of ${unknown} recording(s) could not be learned here` };
    const seconds = parts.reduce((sum, part) => sum + (part.seconds ?? 0), 0);
    return {
      seconds,
      basis: `${pages.length} slide(s): recordings measured, texts guessed at 5 characters a second`,
    };
  },
  warnings: (wanted) => {
    const { GlobalConfig: global, PageConfigs: pages } = wanted;
    const warnings = allWarnings(pages, global ?? {});
    if (global?.BackgroundColor !== undefined && global.AdaptationType !== 1)
      warnings.push('global_config.background_color is ignored unless global_config.adaptation_type is 1.');
    if (global?.ShowSubtitles && pages.every((config) => config.DriverType === 'OriginalVoice'))
      warnings.push('global_config.show_subtitles is ignored: subtitles are made for text only.');
    return warnings;
  },
});
