import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/clouds/index.ts';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { root } from '../harness/processes.ts';
import { pdf } from './documents.ts';
import { control, dashscope, ivh, MediaServer, vclm } from './harness.ts';

interface Example {
  readonly name: string;
  readonly request: unknown;
}

const folders = {
  vclm: 'tencent-vclm',
  vclm_intl: 'tencent-vclm',
  ivh: 'tencent-ivh',
  dashscope: 'dashscope',
};

const examples = operations.flatMap((operation) => {
  const { cloud, site } = operation.wire;
  const split = operations.filter(({ name }) => name === operation.name).length > 1;
  const file = split ? `${operation.name}.${site}.json` : `${operation.name}.json`;
  const path = join(root, 'test/fixtures', folders[cloud], file);
  const fixture = JSON.parse(readFileSync(path, 'utf8')) as { examples: Example[] };
  return fixture.examples.map(({ name, request }) => ({ operation, site: site ?? 'cn', name, request }));
});

/** The vendors' sample hosts are not ours to call: each address is exchanged for one of the same kind here. */
function onLoopback(value: unknown, media: ReadonlyArray<readonly [RegExp, string]>, name = ''): unknown {
  if (typeof value === 'string' && /^https?:/.test(value))
    return media.find(([pattern]) => pattern.test(name))?.[1] ?? value;
  if (Array.isArray(value)) return value.map((item) => onLoopback(item, media, name));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [field, onLoopback(inner, media, field)]),
  );
}

describe('every request example on the vendors’ pages', () => {
  const emulators = new Map<string, Emulator>();
  let files: MediaServer;
  let media: Array<readonly [RegExp, string]>;

  beforeAll(async () => {
    for (const site of ['cn', 'intl'] as const)
      emulators.set(site, await startEmulator({ site, speed: 1000 }));
    files = await MediaServer.start();
    const picture = await files.image('picture.jpg', '540x720');
    const clip = await files.video('clip.mp4', '640x720', 2.5);
    media = [
      [/S3Url$/, files.url('stored')],
      [/CallbackUrl/, files.url('callback')],
      [/PPT/, await files.put('slides.pdf', pdf(5))],
      [/written/i, await files.put('letter.pdf', pdf(1))],
      [/audio/i, await files.audio('line.mp3', 3)],
      [/video|head|tail/i, clip],
      [/photo|image|logo|background/i, picture],
    ];
  });
  afterAll(async () => {
    for (const emulator of emulators.values()) await emulator.close();
    await files.close();
  });

  it('are nineteen, of ten operations', () => {
    expect(examples).toHaveLength(19);
    expect(new Set(examples.map(({ operation }) => operation)).size).toBe(10);
  });

  it.each(examples)('$operation.name ($site), $name: is accepted', async ({ operation, site, request }) => {
    const emulator = emulators.get(site);
    if (!emulator) throw new Error(`no emulator for ${site}`);
    const { address } = operation.wire.submit;
    // Each lane takes one more: the examples are tried for what they say, not for how many there are.
    await control(emulator, 'reset', {});
    const sent = onLoopback(request, media);
    if (operation.wire.cloud === 'dashscope') {
      const { status, body } = await dashscope(emulator, 'POST', address, sent);
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.output.task_id).toMatch(/^[\w-]+$/);
    } else if (operation.wire.cloud === 'ivh') {
      const { body } = await ivh(emulator, address, sent);
      expect(body.Header, JSON.stringify(body)).toMatchObject({ Code: 0 });
      expect(body.Payload.TaskId).toMatch(/^\w+$/);
    } else {
      const { body } = await vclm(emulator, address, sent);
      expect(body.Error).toBeUndefined();
      expect(body.JobId).toMatch(/^\d+$/);
    }
  });
});
