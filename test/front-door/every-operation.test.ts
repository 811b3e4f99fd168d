import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveFiles } from '../../src/cli/demo-files.ts';
import { mediaFacts } from '../../src/cli/media-facts.ts';
import { pptx } from '../media/documents.ts';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

/** What holds of the real clouds as well is in test/live/cases.ts. */
describe('operations, from an agent’s call to a file', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let session: Session;

  beforeAll(async () => {
    emulator = await startEmulator(200);
    media = await serveDemoMedia();
    place = await scratch();
    session = await openSession('modern', {
      environment: emulator.environment,
      args: ['--data-dir', place.path, '--output-dir', `${place.path}/out`],
    });
  });
  afterAll(async () => {
    await session.close();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  const produce = async (tool: string, input: Record<string, unknown>) => {
    const { structured, text } = await session.call(tool, input);
    const end = await untilEnded(session, structured?.job_id ?? text);
    expect(end.failure).toBeUndefined();
    expect(end.status).toBe('succeeded');
    const { structured: stored } = await session.call('download_result', { job_id: end.job_id });
    return stored?.outputs ?? [];
  };

  it('make_video: transparent by default', async () => {
    const input = { ...inputs(media).make_video, video_param: undefined };
    const [video] = await produce('make_video', input);
    expect(video?.mime_type).toBe('video/webm');
    expect(video?.local_path).toMatch(/\.webm$/);
  });

  it('make_video_advanced: an avatar with a logo speaks a recording, without subtitles', async () => {
    const outputs = await produce('make_video_advanced', inputs(media).make_video_advanced ?? {});
    expect(outputs.map(({ kind }) => kind)).toEqual(['video']);
    const facts = await mediaFacts(outputs[0]?.local_path ?? '');
    expect(facts.videoCodec).toBe('h264');
    expect(facts.seconds).toBeGreaterThan(4.5);
  });

  it('make_ppt_video: one scene a page, narrated, one job at a time', async () => {
    const file = `${place.path}/slides.pptx`;
    await writeFile(file, pptx(3));
    const slides = await serveFiles([file]);
    const [video] = await produce('make_ppt_video', {
      ppt_file_url: `${slides.url}slides.pptx`,
      global_config: { speech_param: { timbre_key: 'female_1', speed: 1.5 } },
      page_configs: [
        { input_ssml: 'First page.' },
        { input_ssml: 'Second page.', speech_param: { timbre_key: 'male_1' } },
        { driver_type: 'OriginalVoice', input_audio_url: media.line },
      ],
    });
    await slides.close();
    const facts = await mediaFacts(video?.local_path ?? '');
    expect(facts).toMatchObject({ size: '1920x1080', videoCodec: 'h264', audioCodec: 'aac' });
    expect(facts.seconds).toBeGreaterThan(5.5);
  });

  it('video_to_video: a clip gets new words, played back and forth to their end', async () => {
    const [video] = await produce('video_to_video', { ...inputs(media).video_to_video, video_loop: 0 });
    const facts = await mediaFacts(video?.local_path ?? '');
    expect(facts).toMatchObject({ videoCodec: 'h264', audioCodec: 'aac', size: '720x720' });
    expect(facts.seconds).toBeGreaterThan(4.5);
  });

  it('holds a second speech job here instead of having it refused', async () => {
    await emulator.reset();
    const speech = inputs(media).synthesize_speech ?? {};
    const [first, second] = await Promise.all([
      session.call('synthesize_speech', speech),
      session.call('synthesize_speech', { ...speech, input_ssml: 'The second job waits for the first.' }),
    ]);
    const states = [first.structured?.status, second.structured?.status];
    expect(states).toContain('queued');
    const ends = await Promise.all(
      [first, second].map(({ structured }) => untilEnded(session, structured?.job_id ?? '')),
    );
    expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    expect((await emulator.requests()).submit).toBe(2);
    expect(await emulator.submissions()).toHaveLength(2);
  });

  it('sends both names of the face tracking switch', async () => {
    await emulator.reset();
    const input = { ...inputs(media).video_to_video, video_param: { disable_id_detect: 1 } };
    await session.call('video_to_video', input);
    const [submission] = await emulator.submissions();
    expect(submission?.request).toMatchObject({ VideoParam: { DisableIdDetect: 1, DisabledDetect: 1 } });
  });

  it('refuses broken markup with its position, before anything is sent', async () => {
    await emulator.reset();
    const { isError, text } = await session.call('make_video', {
      ...inputs(media).make_video,
      input_ssml: 'Hello <break time="20s"/>there <phoneme alphabet="py" ph="xx9">主</phoneme>',
    });
    expect(isError).toBe(true);
    expect(text).toContain('input_ssml');
    expect(text).toMatch(/Character \d+/);
    expect((await emulator.requests()).submit).toBe(0);
  });
});

describe('list_assets', () => {
  let emulator: EmulatorProcess;
  let place: Awaited<ReturnType<typeof scratch>>;
  let session: Session;

  beforeAll(async () => {
    emulator = await startEmulator();
    place = await scratch();
    session = await openSession('legacy', {
      environment: emulator.environment,
      args: ['--data-dir', place.path],
    });
  });
  afterAll(async () => {
    await session.close();
    await emulator.stop();
    await place.remove();
  });

  interface Assets {
    total: number;
    items: Array<Record<string, unknown>>;
    next_cursor?: string;
  }
  const list = async (input: Record<string, unknown>) => {
    const { structured, text } = await session.call('list_assets', input);
    if (!structured) throw new Error(text);
    return structured as unknown as Assets;
  };

  it('lists voices page by page, each once', async () => {
    const seen: unknown[] = [];
    let cursor: string | undefined;
    let total = 0;
    do {
      const page = await list({ kind: 'voices', limit: 7, cursor });
      seen.push(...page.items.map((item) => item.timbre_key));
      total = page.total;
      cursor = page.next_cursor;
    } while (cursor);
    expect(seen).toHaveLength(total);
    expect(new Set(seen).size).toBe(total);
    expect(total).toBeGreaterThan(20);
  });

  it('searches', async () => {
    const { items, total } = await list({ kind: 'voices', search: 'female', limit: 100 });
    expect(items).toHaveLength(total);
    expect(items.every((item) => JSON.stringify(item).includes('female'))).toBe(true);
    expect((await list({ kind: 'voices', search: 'no such voice at all' })).total).toBe(0);
  });

  it('merges both families of avatars, with what placement needs', async () => {
    const { items, total } = await list({ kind: 'avatars', limit: 100 });
    expect(total).toBe(items.length);
    const keys = items.map((item) => item.virtualman_key);
    expect(new Set(keys).size).toBe(total);
    expect(keys).toContain('k3dda2d3b56f4ec89778f2e032c2e294');
    expect(items.filter((item) => item.origin_zoom && item.pose_image).length).toBeGreaterThan(3);
  });

  it('lists the actions of an avatar that has some', async () => {
    const { items: avatars } = await list({ kind: 'avatars', limit: 100 });
    const counts = await Promise.all(
      avatars.map(
        async (avatar) => (await list({ kind: 'actions', virtualman_key: avatar.virtualman_key })).total,
      ),
    );
    expect(Math.max(...counts)).toBeGreaterThan(1);
    const { isError, text } = await session.call('list_assets', { kind: 'actions' });
    expect(isError).toBe(true);
    expect(text).toContain('virtualman_key');
  });

  it('shows the quota as the cloud words it', async () => {
    const { items } = await list({ kind: 'quota' });
    expect(items.length).toBeGreaterThan(0);
  });
});
