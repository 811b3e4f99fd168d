import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediaFacts } from '../../src/cli/media-facts.ts';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { type Era, eras, openSession, type Session, untilEnded } from '../harness/sessions.ts';

const sizes: Readonly<Record<string, string>> = {
  submit_portrait_sing: '512x512',
  photo_to_video: '720x960',
  video_retalk: '720x720',
};
const tools = Object.keys(sizes);
const operations = [
  'submit_portrait_sing',
  'submit_image_animate',
  'synthesize_speech',
  'make_video',
  'make_video_advanced',
  'make_ppt_video',
  'video_to_video',
  'photo_to_video',
  'video_retalk',
];

describe.each(eras)('the main job, from a %s client over stdio', (era: Era) => {
  let emulator: EmulatorProcess;
  let media: Media;
  let session: Session;
  let place: Awaited<ReturnType<typeof scratch>>;
  const jobs = new Map<string, string>();

  beforeAll(async () => {
    emulator = await startEmulator();
    media = await serveDemoMedia();
    place = await scratch();
    session = await openSession(era, {
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

  it('submits to all three clouds at once and answers with their receipts', async () => {
    const answers = await Promise.all(
      tools.map((tool) => session.call(tool, { ...inputs(media)[tool], idempotency_key: `key-${tool}` })),
    );
    for (const [index, tool] of tools.entries()) {
      const job = answers[index]?.structured;
      expect(job, answers[index]?.text).toMatchObject({
        tool,
        status: expect.stringMatching(/pending|running/),
      });
      expect(job?.cloud_task_id).toMatch(/^[\w-]{10,}$/);
      jobs.set(tool, job?.job_id ?? '');
    }
    expect(jobs.size).toBe(3);
    expect(await emulator.submissions()).toHaveLength(3);
  });

  it('pushes every change of state to a subscriber, until each has ended', async () => {
    const uris = [...jobs.values()].map((id) => `digital-human://jobs/${id}`);
    const ended = new Set<string>();
    const pushed: string[] = [];
    let finish = () => {};
    const allEnded = new Promise<void>((done) => {
      finish = done;
    });
    const look = async (uri: string) => {
      const job = JSON.parse(await session.read(uri)) as { status: string };
      if (job.status === 'succeeded') ended.add(uri);
      if (ended.size === uris.length) finish();
    };
    await session.subscribe(uris, (uri) => {
      pushed.push(uri);
      void look(uri);
    });
    await Promise.all(uris.map(look));
    await allEnded;
    expect(ended.size).toBe(3);
    expect(pushed.length).toBeGreaterThan(0);
    expect(pushed.every((uri) => uris.includes(uri))).toBe(true);
  });

  it('returns the same job for the same key and input, and refuses the key for another', async () => {
    const again = await session.call('video_retalk', {
      ...inputs(media).video_retalk,
      idempotency_key: 'key-video_retalk',
    });
    expect(again.structured?.job_id).toBe(jobs.get('video_retalk'));
    const other = await session.call('video_retalk', {
      ...inputs(media).video_retalk,
      video_extension: false,
      idempotency_key: 'key-video_retalk',
    });
    expect(other.isError).toBe(true);
    expect(other.structured).toBeUndefined();
    expect(other.text).toContain('conflict');
    expect(await emulator.submissions()).toHaveLength(3);
  });

  it.each(tools)('brings the result of %s home, whole and playable', async (tool) => {
    const { structured, text } = await session.call('download_result', { job_id: jobs.get(tool) });
    const [file] = structured?.outputs ?? [];
    expect(file, text).toMatchObject({ kind: 'video', mime_type: 'video/mp4' });
    const bytes = await readFile(file?.local_path ?? '');
    expect(bytes.length).toBe(file?.size_bytes);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(file?.sha256);
    const facts = await mediaFacts(file?.local_path ?? '');
    expect(facts).toMatchObject({ size: sizes[tool], videoCodec: 'h264', audioCodec: 'aac' });
    expect(facts.seconds).toBeGreaterThan(4.5);
  });

  it('lists jobs newest first, by pages and filters', async () => {
    const first = await session.call('list_jobs', { limit: 2 });
    const firstPage = first.structured as unknown as { jobs: Array<{ job_id: string }>; next_cursor: string };
    expect(firstPage.jobs).toHaveLength(2);
    const second = await session.call('list_jobs', { limit: 2, cursor: firstPage.next_cursor });
    const secondPage = second.structured as unknown as {
      jobs: Array<{ job_id: string }>;
      next_cursor?: string;
    };
    expect(secondPage.jobs).toHaveLength(1);
    expect(secondPage.next_cursor).toBeUndefined();
    const ids = [...firstPage.jobs, ...secondPage.jobs].map((job) => job.job_id);
    expect(new Set(ids)).toEqual(new Set(jobs.values()));
    const filtered = await session.call('list_jobs', { tool: 'photo_to_video', status: 'succeeded' });
    expect((filtered.structured as unknown as { jobs: unknown[] }).jobs).toHaveLength(1);
  });

  it('offers the collections and a page for every operation', async () => {
    const uris = await session.listResources();
    expect(uris).toEqual([
      'digital-human://jobs',
      'digital-human://operations',
      ...operations.map((tool) => `digital-human://operations/${tool}`),
    ]);
    const all = JSON.parse(await session.read('digital-human://jobs')) as { jobs: unknown[] };
    expect(all.jobs).toHaveLength(3);
    const page = await session.read('digital-human://operations/video_retalk');
    expect(page).toContain('InvalidFile.FPS');
    expect(page).toContain('query_face_threshold');
    await expect(session.read('digital-human://jobs/job_unknown')).rejects.toThrow();
  });

  it('waits with progress notifications, and no longer than asked', async () => {
    const { structured } = await session.call('video_retalk', inputs(media).video_retalk ?? {});
    const seen: number[] = [];
    const waited = await session.call(
      'get_progress',
      { job_id: structured?.job_id, wait_seconds: 30 },
      ({ progress }) => seen.push(progress),
    );
    expect(waited.structured?.updated_at).not.toBe(structured?.updated_at);
    expect(seen.length).toBeGreaterThan(0);
    const end = await untilEnded(session, structured?.job_id ?? '');
    expect(end).toMatchObject({ status: 'succeeded', progress: 100 });
  });
});
