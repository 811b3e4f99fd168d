import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../http/callers.ts';
import { tokensFile } from '../http/server.ts';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  root,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { contentsOf, nodeBinary } from '../package/installed.ts';
import { carryOut, type Image } from './dockerfile.ts';

const text = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
/** `npm run test:image` installs as the image does; otherwise what is installed here stands for that. */
const whole = process.env.DIGITAL_HUMAN_TEST_IMAGE === 'whole';

/** What Docker would be sent: the committed and the new files that the ignore file lets through. */
function buildContext(): string {
  const kept = readFileSync(join(root, 'deploy/Dockerfile.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const names = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  }).split('\n');
  const context = mkdtempSync(join(tmpdir(), 'image context '));
  const sent = names.filter((name) => kept.some((each) => name === each || name.startsWith(`${each}/`)));
  for (const name of sent) {
    mkdirSync(dirname(join(context, name)), { recursive: true });
    cpSync(join(root, name), join(context, name));
  }
  return context;
}

describe('the container image, its steps carried out without Docker', () => {
  let image: Image;
  let context: string;
  let node: string;
  let emulator: EmulatorProcess;
  let media: Media;
  let server: ChildProcess | undefined;

  beforeAll(async () => {
    context = buildContext();
    image = carryOut(text, context, whole ? undefined : join(root, 'node_modules'));
    // The image has the Node.js of its base, and with it a SQLite; it installs no package.
    node = await nodeBinary(/^FROM node:(\d+)/m.exec(text)?.[1] ?? '', context);
    [emulator, media] = await Promise.all([startEmulator(60), serveDemoMedia()]);
  }, 600_000);
  afterAll(async () => {
    server?.kill('SIGKILL');
    await emulator.stop();
    await media.close();
    rmSync(context, { recursive: true, force: true });
    for (const folder of image.folders) rmSync(folder, { recursive: true, force: true });
  });

  const file = (path: string) => (path.startsWith('/') ? join(image.folder, path) : path);
  const environmentOf = (more: Record<string, string>) => ({
    PATH: process.env.PATH ?? '',
    ...image.environment,
    DIGITAL_HUMAN_DATA_DIR: file(image.environment.DIGITAL_HUMAN_DATA_DIR ?? ''),
    ...more,
  });
  const args = () => image.command.slice(1).map((part) => file(part));

  it('are the ones that were meant', async () => {
    expect(image.done).toMatchObject({ FROM: 2, WORKDIR: 2, ENTRYPOINT: 1, CMD: 1, USER: 1, HEALTHCHECK: 1 });
    expect(image.user).toBe('node');
    expect(image.command).toEqual(['node', '/app/dist/index.js', 'http']);
    const bytes = Object.keys(await contentsOf(image.folder)).reduce(
      (sum, name) => sum + statSync(join(image.folder, name)).size,
      0,
    );
    expect(readdirSync(join(image.folder, 'app')).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'dist',
      'package.json',
    ]);
    expect(bytes).toBeLessThan(16 * 1024 * 1024);
    expect(() => carryOut('FROM node:24-alpine\nADD . /app', context, root)).toThrow('ADD is not known');
    expect(() => carryOut('FROM debian:13', context, root)).toThrow('FROM debian:13');
  });

  it('refuse to listen to the world without authentication', () => {
    const { status, stderr } = spawnSync(node, args(), {
      cwd: join(image.folder, image.workingDirectory),
      env: environmentOf({}),
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('DIGITAL_HUMAN_HTTP_TOKENS_FILE');
  });

  it('give a server that is healthy, works, ends at SIGTERM and writes nothing but data', async () => {
    const { path, tokens } = await tokensFile(image.folder, { ada: ['jobs:read', 'jobs:write'] });
    const before = await contentsOf(join(image.folder, 'app'));
    server = spawn(node, args(), {
      cwd: join(image.folder, image.workingDirectory),
      env: environmentOf({
        ...emulator.environment,
        DIGITAL_HUMAN_HTTP_TOKENS_FILE: path,
        // The image's own port may be taken on this machine, and its address is for containers.
        DIGITAL_HUMAN_HTTP_HOST: '127.0.0.1',
        DIGITAL_HUMAN_HTTP_PORT: '0',
      }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => server?.once('exit', resolve));
    const line = await new Promise<string>((resolve) => {
      createInterface({ input: server?.stdout ?? process.stdin }).once('line', resolve);
    });
    const { url } = JSON.parse(line) as { url: string };
    const [program, flag = '', script = ''] = image.healthcheck;
    expect(program).toBe('node');
    const health = spawnSync(node, [flag, script.replace('http://127.0.0.1:8787', url)], {
      encoding: 'utf8',
    });
    expect([health.status, health.stderr]).toEqual([0, '']);
    const broken = spawnSync(node, [flag, script.replace('http://127.0.0.1:8787/healthz', `${url}/none`)]);
    expect(broken.status).toBe(1);

    const caller = await connect('modern', url, { token: tokens.ada });
    expect((await caller.listTools()).length).toBe(15);
    const { structured, text: said } = await caller.call(
      'photo_to_video',
      inputs(media).photo_to_video ?? {},
    );
    expect(structured?.job_id, said).toBeDefined();
    let job = structured;
    for (let asked = 0; job?.status !== 'succeeded' && asked < 40; asked++)
      job = (await caller.call('get_progress', { job_id: structured?.job_id, wait_seconds: 10 })).structured;
    expect(job?.status).toBe('succeeded');
    await caller.close();
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(await contentsOf(join(image.folder, 'app'))).toEqual(before);
    expect(readdirSync(join(image.folder, 'data')).length).toBeGreaterThan(0);
  });
});
