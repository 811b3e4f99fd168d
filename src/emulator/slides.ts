import {
  type AnchorParam,
  checkFrames,
  joined,
  type LogoParam,
  logoSources,
  logosOf,
  placed,
  type SmallSampleParam,
} from './avatar-video.ts';
import { type Avatar, anchorOf, findAvatar } from './catalogue.ts';
import { CloudError } from './cloud-error.ts';
import {
  type Driven,
  type Narration,
  narrate,
  recordingOf,
  refuseAvatar,
  type SpeechParam,
} from './narration.ts';
import { type Media, type Production, present } from './production.ts';
import type { Rendered, Size, Studio } from './render.ts';
import { type Scene, scenePiece } from './scene.ts';

interface PageVideoParam {
  readonly AnchorParam?: AnchorParam;
  readonly SmallSampleParam?: SmallSampleParam;
}

interface Page extends Driven {
  readonly VirtualmanKey?: string;
  readonly VideoParam?: PageVideoParam;
}

interface SlideVideo {
  readonly PPTFileUrl: string;
  readonly GlobalConfig?: {
    readonly AdaptationType?: number;
    readonly BackgroundColor?: string;
    readonly ShowSubtitles?: boolean;
    readonly LogoParams?: readonly LogoParam[];
    readonly SpeechParam?: SpeechParam;
    readonly VideoParam?: PageVideoParam;
  };
  readonly PageConfigs: readonly Page[];
}

const longestPage = 3600;
const longestVoiceOnly = 1800;
const landscape: Size = [1920, 1080];

const audioField = (index: number) => `PageConfigs.${index}.InputAudioUrl`;
const logoField = 'GlobalConfig.LogoParams';

function avatarsOf(pages: readonly Page[]): Avatar[] {
  return pages.flatMap(({ VirtualmanKey: key }) => findAvatar(key ?? '') ?? []);
}

/**
 * The size of the video: that of its avatars.
 * @throws CloudError 801009 for avatars that differ, or are not in 1080P
 */
function sizeOf(pages: readonly Page[]): Size {
  const [first, ...others] = avatarsOf(pages);
  if (!first) return landscape;
  const kind = (avatar: Avatar) => `${anchorOf(avatar).typeCode} ${avatar.width}x${avatar.height}`;
  const odd = others.find((avatar) => kind(avatar) !== kind(first));
  if (odd)
    throw new CloudError('801009', `PageConfigs: the avatars are ${kind(first)} and ${kind(odd)}, not alike`);
  const { width, height } = first;
  if (Math.min(width, height) !== 1080 || Math.max(width, height) !== 1920)
    throw new CloudError('801009', `VirtualmanKey: ${width}x${height} is neither 1920x1080 nor 1080x1920`);
  return [width, height];
}

/** A page's own settings before those for all pages, field by field. */
function inherited(page: Page, global: SlideVideo['GlobalConfig']): Page {
  const [own, all] = [page.VideoParam, global?.VideoParam];
  return {
    ...page,
    SpeechParam: { ...global?.SpeechParam, ...page.SpeechParam },
    VideoParam: {
      AnchorParam: { ...all?.AnchorParam, ...own?.AnchorParam },
      SmallSampleParam: own?.SmallSampleParam ?? all?.SmallSampleParam,
    },
  };
}

async function narratePage(page: Page, index: number, media: Media, studio: Studio, signal: AbortSignal) {
  const avatar = findAvatar(page.VirtualmanKey ?? '');
  const longest = avatar ? longestPage : longestVoiceOnly;
  const settings = { field: audioField(index), ownTimbre: avatar?.timbre, longest };
  const narration = await narrate(page, media, studio, settings, signal);
  if (narration.seconds > longest + 0.05)
    throw new CloudError('801510', `InputAudioUrl of page ${index + 1} is longer than ${longest} s`);
  return narration;
}

function sceneOf(
  page: Page,
  number: number,
  size: Size,
  narration: Narration,
  wanted: SlideVideo,
  media: Media,
): Scene {
  const { GlobalConfig: global } = wanted;
  const avatar = findAvatar(page.VirtualmanKey ?? '');
  const around = global?.AdaptationType === 1 ? (global.BackgroundColor ?? '#ffffff') : undefined;
  return {
    size,
    seconds: narration.seconds,
    audio: narration.audio,
    backdrop: { kind: 'slide', page: number, around },
    figure: avatar && placed(avatar, size, page.VideoParam?.AnchorParam),
    logos: logosOf(global?.LogoParams, media, logoField),
    band: global?.ShowSubtitles ? narration.sentences : [],
  };
}

async function film(studio: Studio, scenes: readonly Scene[], output: string): Promise<void> {
  await studio.withDrafts(async (draft) => {
    const pieces = await Promise.all(
      scenes.map(async (scene) => {
        const piece = draft('page');
        await scenePiece(studio, scene, piece);
        return piece;
      }),
    );
    await joined(studio, pieces, draft('list'), output);
  });
}

/**
 * IVH narrated slides (page of 2026-04-01). The pages of the document are counted, not drawn: a scene shows
 * the number of its page as bars on a colour of its own.
 */
export const slideVideo: Production = {
  queueSeconds: 2,
  refuse(request) {
    for (const { VirtualmanKey: key } of (request as SlideVideo).PageConfigs)
      if (key !== undefined) refuseAvatar(key);
  },
  inputs(request) {
    const { PPTFileUrl: url, PageConfigs: pages, GlobalConfig: global } = request as SlideVideo;
    return [
      { field: 'PPTFileUrl', url },
      ...pages.flatMap((page, index) => recordingOf(page, audioField(index))),
      ...logoSources(global?.LogoParams, logoField),
    ];
  },
  async begin(request, media, _wire, studio, signal) {
    const wanted = request as SlideVideo;
    const pages = wanted.PageConfigs.map((page) => inherited(page, wanted.GlobalConfig));
    const { pages: count = 0 } = present(media, 'PPTFileUrl');
    if (pages.length > count)
      throw new CloudError('801009', `PageConfigs has ${pages.length} entries, the file ${count} pages`);
    const size = sizeOf(pages);
    for (const page of pages) {
      const avatar = findAvatar(page.VirtualmanKey ?? '');
      if (avatar) checkFrames(avatar, page.VideoParam?.SmallSampleParam);
    }
    const scenes: Scene[] = [];
    // One after another: fifty voices at once would take all the memory there is.
    for (const [index, page] of pages.entries()) {
      const narration = await narratePage(page, index, media, studio, signal);
      scenes.push(sceneOf(page, index + 1, size, narration, wanted, media));
    }
    const seconds = scenes.reduce((sum, scene) => sum + scene.seconds, 0);
    const key = ['slides', JSON.stringify(scenes)];
    const file: Promise<Rendered> = studio.once(key, 'mp4', (output) => film(studio, scenes, output));
    return { runSeconds: 5 + 2 * seconds, file };
  },
};
