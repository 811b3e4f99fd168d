import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mediaFacts } from '../../src/cli/media-facts.ts';
import type { Cloud } from '../../src/core/operation.ts';
import { root } from '../harness/processes.ts';
import { type Answer, type Session, untilEnded } from '../harness/sessions.ts';

/** What a case runs with: a server over stdio, and files that the cloud can fetch, where there are any. */
export interface Setting {
  readonly session: Session;
  /** Address, with a slash at its end, of portrait.jpg, line.mp3, clip.mp4 and slides.pptx. */
  readonly publicMedia?: string;
}

export interface Case {
  readonly name: string;
  readonly cloud: Cloud;
  /** The most seconds of result that may be billed; 0 costs nothing. */
  readonly seconds: number;
  readonly needsPublicMedia?: boolean;
  run(setting: Setting): Promise<void>;
}

/** The demo's own files, for the clouds that take them from this machine. */
export const localMedia = join(root, 'src/cli/demo-media');

type Outputs = NonNullable<NonNullable<Answer['structured']>['outputs']>;

const text = 'How are you today? I am very well!';

/** Checks first, and submits only what the check calls no dearer than the case may be. */
async function produce(
  { session }: Setting,
  tool: string,
  input: Record<string, unknown>,
  most: number,
): Promise<Outputs> {
  const check = await session.call(tool, { ...input, dry_run: true });
  const { valid, estimate } = check.structured ?? {};
  assert.equal(valid, true, check.text);
  const billed = estimate?.billed_seconds ?? 0;
  assert.ok(billed <= most, `${tool} would be billed ${billed} s, and may be ${most} s`);
  const { structured, text: answer } = await session.call(tool, { ...input, idempotency_key: randomUUID() });
  const end = await untilEnded(session, structured?.job_id ?? answer);
  assert.deepEqual([end.status, end.failure], ['succeeded', undefined]);
  const stored = await session.call('download_result', { job_id: end.job_id });
  return stored.structured?.outputs ?? assert.fail(stored.text);
}

async function assertVideo(outputs: Outputs, shortest: number): Promise<void> {
  const [video] = outputs;
  const facts = await mediaFacts(video?.local_path ?? '');
  assert.equal(video?.kind, 'video');
  assert.ok(facts.videoCodec && facts.audioCodec, 'picture and sound');
  assert.ok(facts.seconds >= shortest, `${facts.seconds} s, at least ${shortest} s`);
}

async function assets(session: Session, kind: string): Promise<Array<Record<string, unknown>>> {
  const { structured, text: answer } = await session.call('list_assets', { kind });
  return (structured as { items?: Array<Record<string, unknown>> } | undefined)?.items ?? assert.fail(answer);
}

/** The first of the account's own: a key of an example would belong to somebody else. */
async function assetKey(session: Session, kind: string, field: string): Promise<unknown> {
  const [first] = await assets(session, kind);
  return first?.[field] ?? assert.fail(`the account has no ${kind}`);
}

/** A task that does not exist: the answer tells keys that are accepted from keys that are not. */
function absentTask(cloud: Cloud, tool: string, id: string): Case {
  return {
    name: `${tool}: a task that does not exist is not found`,
    cloud,
    seconds: 0,
    async run({ session }) {
      const answer = await session.call('get_progress', { tool, cloud_task_id: id });
      assert.equal(answer.isError, true, answer.text);
      assert.match(answer.text, /^not_found:/);
    },
  };
}

/** Makes a video from files that the cloud fetches. */
function video(
  cloud: Cloud,
  tool: string,
  seconds: number,
  input: (base: string, session: Session) => Promise<Record<string, unknown>>,
): Case {
  return {
    name: `${tool}: a video from files behind addresses`,
    cloud,
    seconds,
    needsPublicMedia: true,
    async run(setting) {
      const wanted = await input(setting.publicMedia ?? '', setting.session);
      await assertVideo(await produce(setting, tool, wanted, seconds), 3);
    },
  };
}

/** What holds of every cloud, real or emulated: the cheapest input of each operation. Free ones come first. */
export const cases: readonly Case[] = [
  absentTask('vclm', 'submit_portrait_sing', '1194931538865782784'),
  absentTask('vclm_intl', 'submit_image_animate', '1194931538865782784'),
  absentTask('ivh', 'photo_to_video', '0123456789abcdef0123456789abcdef'),
  absentTask('dashscope', 'video_retalk', '00000000-0000-4000-8000-000000000000'),
  {
    name: 'list_assets: voices, avatars and quota of the account',
    cloud: 'ivh',
    seconds: 0,
    async run({ session }) {
      for (const kind of ['voices', 'avatars', 'quota'])
        assert.ok((await assets(session, kind)).length > 0, kind);
    },
  },
  {
    name: 'synthesize_speech: audible words, with their times in the job resource',
    cloud: 'ivh',
    seconds: 10,
    async run(setting) {
      const { session } = setting;
      const timbre = await assetKey(session, 'voices', 'timbre_key');
      const input = { input_ssml: text, timbre_key: timbre, speed: 1, codec: 'wav' };
      const [audio] = await produce(setting, 'synthesize_speech', input, 10);
      const facts = await mediaFacts(audio?.local_path ?? '');
      assert.deepEqual([audio?.kind, audio?.mime_type], ['audio', 'audio/wav']);
      assert.match(facts.audioCodec ?? '', /^pcm/);
      const { structured } = await session.call('list_jobs', { tool: 'synthesize_speech' });
      const [job] = (structured as unknown as { jobs: Array<{ job_id: string }> }).jobs;
      const { sentences } = JSON.parse(await session.read(`digital-human://jobs/${job?.job_id}`)) as {
        sentences: Array<{ words: Array<{ start_ms: number; end_ms: number }> }>;
      };
      const words = sentences.flatMap((sentence) => sentence.words);
      assert.ok(words.length > 4, `${words.length} words`);
      assert.ok(words.every(({ start_ms, end_ms }) => start_ms <= end_ms));
      assert.ok((words.at(-1)?.end_ms ?? 0) <= facts.seconds * 1000 + 50);
    },
  },
  {
    name: 'video_retalk: a clip and a recording of this machine',
    cloud: 'dashscope',
    seconds: 6,
    async run(setting) {
      const [clip, line] = ['clip.mp4', 'line.mp3'].map((file) => join(localMedia, file));
      await assertVideo(await produce(setting, 'video_retalk', { video_url: clip, audio_url: line }, 6), 2.5);
    },
  },
  {
    name: 'submit_image_animate: a picture of this machine dances',
    cloud: 'vclm_intl',
    seconds: 20,
    async run(setting) {
      const input = { image_url: join(localMedia, 'portrait.jpg'), template_id: 'ke3' };
      await assertVideo(await produce(setting, 'submit_image_animate', input, 20), 1);
    },
  },
  {
    name: 'make_video: an avatar speaks a text, with subtitles',
    cloud: 'ivh',
    seconds: 10,
    async run(setting) {
      const outputs = await produce(
        setting,
        'make_video',
        {
          virtualman_key: await assetKey(setting.session, 'avatars', 'virtualman_key'),
          input_ssml: text,
          speech_param: { speed: 1 },
          video_param: { format: 'Mp4' },
        },
        10,
      );
      assert.deepEqual(
        outputs.map(({ kind }) => kind),
        ['video', 'subtitles'],
      );
      await assertVideo(outputs, 1);
      assert.match(await readFile(outputs[1]?.local_path ?? '', 'utf8'), /^1\r?\n00:00:0\d,\d{3} --> /);
    },
  },
  video('vclm', 'submit_portrait_sing', 8, async (base) => ({
    image_url: `${base}portrait.jpg`,
    audio_url: `${base}line.mp3`,
    resolution: '512:512',
  })),
  video('ivh', 'photo_to_video', 8, async (base) => ({
    ref_photo_url: `${base}portrait.jpg`,
    driver_type: 'OriginalVoice',
    input_audio_url: `${base}line.mp3`,
  })),
  video('ivh', 'video_to_video', 8, async (base) => ({
    ref_video_url: `${base}clip.mp4`,
    driver_type: 'OriginalVoice',
    input_audio_url: `${base}line.mp3`,
  })),
  video('ivh', 'make_video_advanced', 8, async (base, session) => ({
    virtualman_key: await assetKey(session, 'avatars', 'virtualman_key'),
    driver_type: 'OriginalVoice',
    input_audio_url: `${base}line.mp3`,
    video_param: { format: 'Mp4', logo_params: [{ logo_file_url: `${base}portrait.jpg`, scale: 0.1 }] },
  })),
  video('ivh', 'make_ppt_video', 20, async (base, session) => ({
    ppt_file_url: `${base}slides.pptx`,
    global_config: {
      speech_param: { timbre_key: await assetKey(session, 'voices', 'timbre_key'), speed: 1.5 },
    },
    page_configs: [
      { input_ssml: 'First page.' },
      { driver_type: 'OriginalVoice', input_audio_url: `${base}line.mp3` },
    ],
  })),
];
