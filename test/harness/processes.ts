import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { serveFiles } from '../../src/cli/demo-files.ts';

export const root = resolve(import.meta.dirname, '../..');
export const entry = join(root, 'dist/index.js');

export interface EmulatorProcess {
  readonly url: string;
  /** Environment that points a server at this emulator, keys included. */
  readonly environment: Record<string, string>;
  readonly keys: readonly string[];
  submissions(): Promise<Array<{ operation: string; task_id: string; request: unknown }>>;
  requests(): Promise<Record<string, number>>;
  fault(fault: Record<string, unknown>): Promise<void>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((done) => {
    child.once('exit', done);
  });
}

/** Starts `digital-human-mcp emulator` as a process of its own and reads its announcement. */
export async function startEmulator(speed = 60, options: readonly string[] = []): Promise<EmulatorProcess> {
  const child = spawn(process.execPath, [entry, 'emulator', '--speed', `${speed}`, ...options], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = await new Promise<string>((done, failed) => {
    createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => failed(new Error(`the emulator ended with ${code}`)));
  });
  const { url, vclm, ivh, dashscope } = JSON.parse(line) as {
    url: string;
    vclm: { secret_id: string; secret_key: string };
    ivh: { app_key: string; access_token: string };
    dashscope: { api_key: string };
  };
  const post = async (path: string, body: unknown) => {
    const reply = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`${path}: ${await reply.text()}`);
  };
  const get = async (path: string) => (await fetch(url + path)).json();
  return {
    url,
    environment: {
      TENCENTCLOUD_SECRET_ID: vclm.secret_id,
      TENCENTCLOUD_SECRET_KEY: vclm.secret_key,
      IVH_APP_KEY: ivh.app_key,
      IVH_ACCESS_TOKEN: ivh.access_token,
      DASHSCOPE_API_KEY: dashscope.api_key,
      DIGITAL_HUMAN_VCLM_URL: url,
      DIGITAL_HUMAN_VCLM_INTL_URL: url,
      DIGITAL_HUMAN_IVH_URL: url,
      DIGITAL_HUMAN_DASHSCOPE_URL: `${url}/api/v1`,
      DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: 'on',
      DIGITAL_HUMAN_SANDBOX_SPEED: `${speed}`,
    },
    keys: [vclm.secret_key, ivh.access_token, dashscope.api_key],
    submissions: async () => ((await get('/_emulator/submissions')) as { submissions: never[] }).submissions,
    requests: async () => (await get('/_emulator/requests')) as Record<string, number>,
    fault: (fault) => post('/_emulator/faults', fault),
    reset: () => post('/_emulator/reset', {}),
    async stop() {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}

export interface Media {
  readonly portrait: string;
  readonly line: string;
  readonly clip: string;
  readonly url: string;
  close(): Promise<void>;
}

/** The demo's own material, served on loopback. */
export async function serveDemoMedia(): Promise<Media> {
  const names = ['portrait.jpg', 'line.mp3', 'clip.mp4'];
  const files = await serveFiles(names.map((name) => join(root, 'src/cli/demo-media', name)));
  const [portrait, line, clip] = names.map((name) => files.url + name) as [string, string, string];
  return { portrait, line, clip, url: files.url, close: () => files.close() };
}

/** A directory that is gone when the test is. */
export async function scratch(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'digital-human-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** One submission for each tool, with the same meaning everywhere. */
export function inputs(media: Media): Readonly<Record<string, Record<string, unknown>>> {
  return {
    submit_portrait_sing: { image_url: media.portrait, audio_url: media.line, resolution: '512:512' },
    submit_image_animate: { image_url: media.portrait, template_id: 'ke3' },
    synthesize_speech: { input_ssml: 'Hello there. How are you today?', timbre_key: 'female_1', speed: 1 },
    make_video: {
      virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
      input_ssml: 'Hello there. How are you today?',
      speech_param: { speed: 1 },
      video_param: { format: 'Mp4' },
    },
    make_video_advanced: {
      virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
      driver_type: 'OriginalVoice',
      input_audio_url: media.line,
      video_param: { format: 'Mp4', logo_params: [{ logo_file_url: media.portrait, scale: 0.1 }] },
    },
    video_to_video: {
      ref_video_url: media.clip,
      driver_type: 'OriginalVoice',
      input_audio_url: media.line,
    },
    photo_to_video: {
      ref_photo_url: media.portrait,
      driver_type: 'OriginalVoice',
      input_audio_url: media.line,
    },
    video_retalk: { video_url: media.clip, audio_url: media.line, video_extension: true },
  };
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when standard output has matched. */
  seen(pattern: RegExp): Promise<void>;
}

/** Starts a command for people, as a process of its own with nothing of this environment but PATH and HOME. */
export function startCommand(
  args: readonly string[],
  environment: Record<string, string> = {},
): RunningCommand {
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const finished = new Promise<Finished>((done) => {
    child.once('close', (code) => done({ code, stdout, stderr }));
  });
  return {
    child,
    finished,
    seen: (pattern) =>
      new Promise((done, failed) => {
        const look = () => {
          if (pattern.test(stdout)) done();
        };
        child.stdout.on('data', look);
        child.once('close', () => failed(new Error(`never said ${pattern}: ${stdout}${stderr}`)));
        look();
      }),
  };
}

/** Runs a command for people to its end. */
export const runCommand = (
  args: readonly string[],
  environment?: Record<string, string>,
): Promise<Finished> => startCommand(args, environment).finished;
