import type { Operation, Site } from '../core/operation.ts';
import { videoRetalk } from './dashscope/video-retalk.ts';
import { photoToVideoDomestic, photoToVideoInternational } from './tencent-ivh/photo-to-video.ts';
import { portraitSing } from './tencent-vclm/portrait-sing.ts';

/** THE list: every documented operation, once per site where the sites' pages differ. */
export const operations: readonly Operation[] = [
  portraitSing,
  photoToVideoDomestic,
  photoToVideoInternational,
  videoRetalk,
];

/** The operations that hold for an account at this IVH site. */
export function operationsAt(site: Site): readonly Operation[] {
  return operations.filter((operation) => !operation.wire.site || operation.wire.site === site);
}
