import type { Operation, Site } from '../core/operation.ts';
import { videoRetalk } from './dashscope/video-retalk.ts';
import { makePptVideo } from './tencent-ivh/make-ppt-video.ts';
import { makeVideo } from './tencent-ivh/make-video.ts';
import { makeVideoAdvanced } from './tencent-ivh/make-video-advanced.ts';
import { photoToVideoDomestic, photoToVideoInternational } from './tencent-ivh/photo-to-video.ts';
import { synthesizeSpeech } from './tencent-ivh/synthesize-speech.ts';
import { videoToVideo } from './tencent-ivh/video-to-video.ts';
import { imageAnimate } from './tencent-vclm/image-animate.ts';
import { portraitSing } from './tencent-vclm/portrait-sing.ts';

/** THE list: every documented operation, once per site where the sites' pages differ. */
export const operations: readonly Operation[] = [
  portraitSing,
  imageAnimate,
  synthesizeSpeech,
  makeVideo,
  makeVideoAdvanced,
  makePptVideo,
  videoToVideo,
  photoToVideoDomestic,
  photoToVideoInternational,
  videoRetalk,
];

/** The operations that hold for an account at this IVH site. */
export function operationsAt(site: Site): readonly Operation[] {
  return operations.filter((operation) => !operation.wire.site || operation.wire.site === site);
}
