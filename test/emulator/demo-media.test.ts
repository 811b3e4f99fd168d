import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { operations } from '../../src/clouds/index.ts';
import type { MediaLimits, Wire } from '../../src/core/operation.ts';
import { Ffmpeg } from '../../src/emulator/ffmpeg.ts';
import { breachOf, inspect } from '../../src/emulator/inspect.ts';

const files = { image: 'portrait.jpg', audio: 'line.mp3', video: 'clip.mp4' } as const;
const folder = fileURLToPath(new URL('../../src/cli/demo-media/', import.meta.url));

it('the demo media meet every documented limit, and the line outlasts the clip', async () => {
  const ffmpeg = new Ffmpeg();
  const seconds: Record<string, number> = {};
  let checked = 0;
  for (const kind of ['image', 'audio', 'video'] as const) {
    const found = await inspect(ffmpeg, `${folder}${files[kind]}`, kind);
    if (!found) throw new Error(`${files[kind]} is no known kind of file`);
    seconds[kind] = found.seconds ?? 0;
    const wires: Wire[] = operations.map(({ wire }) => wire);
    const limits: MediaLimits[] = wires.flatMap(({ media }) => Object.values(media));
    for (const limit of limits.filter((each) => each.kind === kind)) {
      expect(breachOf(found, limit), `${files[kind]} against ${JSON.stringify(limit)}`).toBeUndefined();
      checked += 1;
    }
  }
  expect(checked).toBeGreaterThanOrEqual(9);
  expect(seconds.audio).toBeGreaterThan((seconds.video ?? 0) + 1);
  await ffmpeg.close();
});
