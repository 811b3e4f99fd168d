import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { JobResult } from '../mcp/job-result.ts';
import { createBoard, printTable } from './demo-board.ts';
import { serveFiles } from './demo-files.ts';
import clip from './demo-media/clip.mp4';
import line from './demo-media/line.mp3';
import portrait from './demo-media/portrait.jpg';
import { type MediaFacts, mediaFacts } from './media-facts.ts';

const deadlineMs = 58_000;

interface Expectation {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly size: string;
}

function expectations(base: string): readonly Expectation[] {
  const [photo, voice, video] = [portrait, line, clip].map((file) => new URL(file, base).href);
  return [
    {
      tool: 'submit_portrait_sing',
      input: { image_url: photo, audio_url: voice, resolution: '512:512' },
      size: '512x512',
    },
    {
      tool: 'photo_to_video',
      input: { ref_photo_url: photo, driver_type: 'OriginalVoice', input_audio_url: voice },
      size: '720x960',
    },
    {
      tool: 'video_retalk',
      input: { video_url: video, audio_url: voice, video_extension: true },
      size: '720x720',
    },
  ];
}

function fault(wanted: Expectation, facts: MediaFacts, voice: MediaFacts): string | undefined {
  if (facts.size !== wanted.size) return `size ${facts.size} instead of ${wanted.size}`;
  if (Math.abs(facts.seconds - voice.seconds) > 0.3)
    return `${facts.seconds} s instead of ${voice.seconds} s`;
  if (facts.videoCodec !== 'h264' || facts.audioCodec !== 'aac')
    return `codec ${facts.videoCodec}+${facts.audioCodec}`;
  return undefined;
}

async function call(client: Client, name: string, input: Record<string, unknown>): Promise<JobResult> {
  const result = await client.callTool({ name, arguments: input });
  if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
  return result.structuredContent as JobResult;
}

const ended = (job: JobResult) => !['queued', 'submitting', 'pending', 'running'].includes(job.status ?? '');

/** Follows jobs through their resources: every pushed update is the reason to read that job again. */
async function followAll(
  client: Client,
  jobs: readonly JobResult[],
  seen: (row: number, job: JobResult) => void,
) {
  const uris = jobs.map((job) => `digital-human://jobs/${job.job_id}`);
  const latest = [...jobs];
  let finish = () => {};
  let fail: (reason: unknown) => void = () => {};
  const finished = new Promise<void>((done, failed) => {
    finish = done;
    fail = failed;
  });
  const look = async (row: number) => {
    const { contents } = await client.readResource({ uri: uris[row] ?? '' });
    const [first] = contents;
    const job = JSON.parse(first && 'text' in first ? first.text : '{}') as JobResult;
    latest[row] = job;
    seen(row, job);
    if (latest.every(ended)) finish();
  };
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    const row = uris.indexOf(params.uri);
    if (row >= 0) look(row).catch(fail);
  });
  const subscription = await client.listen({ resourceSubscriptions: uris });
  await Promise.all(uris.map((_, row) => look(row)));
  await finished;
  await subscription.close();
  return latest;
}

async function produce(client: Client, base: string, voiceFile: string): Promise<number> {
  const wanted = expectations(base);
  const board = createBoard(wanted.map(({ tool }) => tool));
  const submitted = await Promise.all(
    wanted.map(async ({ tool, input }, row) => {
      const job = await call(client, tool, { ...input, idempotency_key: `demo-${tool}` });
      board.show(row, job);
      return job;
    }),
  );
  const finished = await followAll(client, submitted, (row, job) => board.show(row, job));
  const stored = await Promise.all(
    finished.map(async (job, row) => {
      if (job.status !== 'succeeded') return job;
      const downloaded = await call(client, 'download_result', { job_id: job.job_id });
      board.show(row, downloaded);
      return downloaded;
    }),
  );
  board.end();
  return report(wanted, stored, await mediaFacts(voiceFile));
}

/** Probes every file, prints the table, and counts what is missing or wrong. */
async function report(
  wanted: readonly Expectation[],
  jobs: readonly JobResult[],
  voice: MediaFacts,
): Promise<number> {
  let faults = 0;
  const rows: string[][] = [];
  for (const [index, expected] of wanted.entries()) {
    const file = jobs[index]?.outputs?.[0];
    if (!file?.local_path) {
      faults++;
      rows.push([expected.tool, '', '', '', '', `missing: ${jobs[index]?.failure?.message ?? 'no result'}`]);
      continue;
    }
    const facts = await mediaFacts(file.local_path);
    const wrong = fault(expected, facts, voice);
    if (wrong) faults++;
    rows.push([
      file.local_path,
      `${Math.round((file.size_bytes ?? 0) / 1024)} KB`,
      `${facts.seconds.toFixed(2)} s`,
      facts.size,
      `${facts.videoCodec}+${facts.audioCodec}`,
      wrong ? `wrong: ${wrong}` : 'ok',
    ]);
  }
  printTable(['file', 'size', 'duration', 'resolution', 'codec', 'check'], rows);
  return faults === 0 ? 0 : 1;
}

/**
 * Starts the built server in the sandbox through a real MCP client, makes one video on each cloud at once,
 * and checks what came home. The exit code is 1 when anything is missing or wrong.
 */
export async function runDemo(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { output: { type: 'string', default: 'demo-output' } },
  });
  const output = resolve(values.output);
  const scratch = await mkdtemp(join(tmpdir(), 'digital-human-demo-'));
  const bundle = dirname(fileURLToPath(import.meta.url));
  const files = await serveFiles([portrait, line, clip].map((file) => resolve(bundle, file)));
  const client = new Client(
    { name: 'digital-human-demo', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  const overdue = setTimeout(() => void client.close(), deadlineMs);
  const server = join(bundle, 'index.js');
  const options = ['--sandbox', '--data-dir', scratch, '--output-dir', output, '--log-level', 'warn'];
  try {
    process.stdout.write(
      '\n  Three clouds, one portrait, one spoken line: emulated here, no keys, no cost.\n\n',
    );
    await client.connect(
      new StdioClientTransport({ command: process.execPath, args: [server, ...options], stderr: 'inherit' }),
    );
    return await produce(client, files.url, resolve(bundle, line));
  } finally {
    clearTimeout(overdue);
    await client.close();
    await files.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
