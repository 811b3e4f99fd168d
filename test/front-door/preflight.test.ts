import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/clouds/index.ts';
import type { MediaLimits, Operation } from '../../src/core/operation.ts';
import { type Edge, edgesOf, type EdgeServer, serveEdges } from '../harness/edge-files.ts';
import { type EmulatorProcess, scratch, startEmulator } from '../harness/processes.ts';
import { openSession, type Session } from '../harness/sessions.ts';
import { Materials } from '../media/materials.ts';

type Input = Record<string, unknown>;

const good = (limits: MediaLimits) => edgesOf(limits).find(({ inside }) => inside)?.wish;

/** What each operation needs beside files for a recording to drive it. */
const settings: Readonly<Record<string, Input>> = {
  make_video: {
    virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
    driver_type: 'OriginalVoice',
    speech_param: { speed: 1 },
    video_param: { format: 'Mp4' },
  },
  make_video_advanced: {
    virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
    driver_type: 'OriginalVoice',
    video_param: { format: 'Mp4' },
  },
  make_ppt_video: {
    page_configs: [
      { driver_type: 'Text', input_ssml: 'Hello there.', speech_param: { timbre_key: 'female_1' } },
    ],
  },
  video_to_video: { driver_type: 'OriginalVoice' },
  photo_to_video: { driver_type: 'OriginalVoice' },
};

/** Sets a field by its dotted path; `[]` stands for the first of a list. */
function set(input: Input, path: string, value: unknown): Input {
  const [step = '', ...rest] = path.split('.');
  const list = step.endsWith('[]');
  const name = list ? step.slice(0, -2) : step;
  const held = input[name] as Input | Input[] | undefined;
  const [first] = list ? ((held as Input[] | undefined) ?? [{}]) : [held as Input | undefined];
  const inner = rest.length === 0 ? value : set(first ?? {}, rest.join('.'), value);
  return { ...input, [name]: list ? [inner] : inner };
}

describe('files at the edges of the documented limits', () => {
  let emulator: EmulatorProcess;
  let materials: Materials;
  let server: EdgeServer;
  let place: Awaited<ReturnType<typeof scratch>>;
  const sessions = new Map<string, Session>();

  beforeAll(async () => {
    [emulator, materials, place] = await Promise.all([startEmulator(60), Materials.open(), scratch()]);
    server = await serveEdges(materials);
    for (const site of ['cn', 'intl'])
      sessions.set(
        site,
        await openSession('legacy', {
          environment: { ...emulator.environment, IVH_SITE: site },
          args: ['--data-dir', `${place.path}/${site}`],
        }),
      );
  });
  afterAll(async () => {
    await Promise.all([...sessions.values()].map((session) => session.close()));
    await emulator.stop();
    await server.close();
    await materials.close();
    await place.remove();
  });

  /** An input of which every needed file is good, and one field is as given. */
  async function inputWith(operation: Operation, path: string, edge: Edge): Promise<Input> {
    let input: Input = settings[operation.name] ?? {};
    for (const [other, limits] of Object.entries(operation.wire.media)) {
      const optional =
        /Logo|Background|VideoHead|VideoTail|RefPhotoUrls|Identity|ref_image|VideoParam.RefPhotoUrl/.test(
          other,
        );
      const wish = good(limits);
      if (other !== path && !optional && wish && !other.startsWith('PageConfigs'))
        input = set(input, operation.inputField(other), await server.address(wish));
    }
    if (path.startsWith('PageConfigs'))
      input = {
        ...input,
        page_configs: [{ driver_type: 'OriginalVoice', virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294' }],
      };
    return set(input, operation.inputField(path), await server.address(edge.wish));
  }

  const fields = operations.flatMap((operation) =>
    Object.entries(operation.wire.media)
      .filter(([, limits]) => limits.formats.length > 0)
      .map(([path, limits]) => ({ operation, path, limits, site: operation.wire.site ?? 'cn' })),
  );

  it('are tried for every field that has limits', () => {
    expect(fields.length).toBe(operations.flatMap(({ wire }) => Object.keys(wire.media)).length - 2);
    const edges = fields.flatMap(({ limits }) => edgesOf(limits));
    expect(edges.filter(({ inside }) => inside).length).toBeGreaterThan(90);
    expect(edges.filter(({ inside }) => !inside).length).toBeGreaterThan(60);
  });

  it.each(fields.map((each) => [`${each.operation.name} (${each.site})`, each.path, each] as const))(
    '%s, %s: just inside passes, just outside is refused and nothing is sent',
    async (_name, path, { operation, limits, site }) => {
      const session = sessions.get(site);
      if (!session) throw new Error(`no session for ${site}`);
      const field = operation.inputField(path).replaceAll('[]', '.0');
      const sent = (await emulator.requests()).submit ?? 0;
      for (const edge of edgesOf(limits)) {
        const input = await inputWith(operation, path, edge);
        const about = `${edge.inside ? 'inside' : 'outside'} ${edge.aspect} ${JSON.stringify(edge.wish)}`;
        const dry = await session.call(operation.name, { ...input, dry_run: true });
        const advised = limits.advised?.includes(edge.aspect) ?? false;
        expect(dry.structured?.valid, `${about}\n${dry.text}\n${session.errors().slice(-1500)}`).toBe(
          edge.inside || advised,
        );
        const warned = (dry.structured?.warnings ?? []).filter((line) => line.startsWith(`${field}: `));
        expect(warned.length, `${about}\n${dry.text}`).toBe(!edge.inside && advised ? 1 : 0);
        if (edge.inside || advised) continue;
        const refused = await session.call(operation.name, input);
        expect(refused.isError, about).toBe(true);
        expect(refused.text, about).toContain('media: ');
        expect(refused.text, about).toContain(`- ${field}`);
      }
      expect((await emulator.requests()).submit ?? 0).toBe(sent);
      expect(await emulator.submissions()).toHaveLength(0);
    },
    240_000,
  );
});
