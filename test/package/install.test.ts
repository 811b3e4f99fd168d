import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inputs, type Media, root, scratch, serveDemoMedia } from '../harness/processes.ts';
import { eras, openSession, untilEnded } from '../harness/sessions.ts';
import { contentsOf, ffmpegFolder, install, makeReadOnly, nodeCommand, pack } from './installed.ts';

const run = promisify(execFile);
/** This one, and one with SQLite of its own. `npm run test:nodes` names them all. */
const releases = (process.env.DIGITAL_HUMAN_TEST_NODES ?? '20,24').split(',');
/** Spaces, a quote, and letters beyond ASCII. */
const awkward = 'Grüße aus 数字人 d’été';

let place: Awaited<ReturnType<typeof scratch>>;
let media: Media;
let packed: Awaited<ReturnType<typeof pack>>;
let search: string;

beforeAll(async () => {
  [place, media] = await Promise.all([scratch(), serveDemoMedia()]);
  await chmod(place.path, 0o755);
  packed = await pack(place.path);
  search = [await ffmpegFolder(join(place.path, 'bin')), process.env.PATH].join(delimiter);
});
afterAll(async () => {
  await media.close();
  await place.remove();
});

describe('the tarball', () => {
  it('has the bundle and what people read, and nothing else', () => {
    const [inside, beside] = [true, false].map((wanted) =>
      packed.files.filter((file) => file.startsWith('dist/') === wanted),
    );
    expect(beside).toEqual(['LICENSE', 'README.md', 'README.zh-CN.md', 'package.json']);
    expect(inside).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/catalog.json',
        'dist/MediaInfoModule.wasm',
        'dist/licenses.txt',
      ]),
    );
    expect(inside?.filter((file) => /\.(map|ts|node)$|reference\.js$/.test(file))).toEqual([]);
  });
});

describe.each(releases)('installed under Node.js %s', (release) => {
  let folder: string;
  let home: string;
  let command: [string, ...string[]];
  let before: Record<string, string>;
  let environment: Record<string, string>;

  let restore = async () => {};

  beforeAll(async () => {
    const own = join(place.path, release, awkward);
    home = join(own, 'home');
    await mkdir(home, { recursive: true });
    // Node.js with SQLite of its own must do without the one native package.
    const optional = release === '20' ? ['--prefer-offline'] : ['--offline', '--omit=optional'];
    folder = await install(packed.tarball, join(own, 'app'), optional);
    command = await nodeCommand(release, place.path);
    if (process.getuid?.() === 0) await run('chown', ['65534:65534', home]);
    before = await contentsOf(folder);
    restore = await makeReadOnly(folder);
    environment = { HOME: home, PATH: search, XDG_DATA_HOME: join(home, 'data') };
  });
  afterAll(() => restore());

  it('brought no package along but libsql, which only Node.js 20 needs', async () => {
    const names = await readdir(join(folder, '..'));
    const packages = names.filter((name) => !name.startsWith('.'));
    if (release === '20') expect(packages).toEqual(expect.arrayContaining(['digital-human-mcp', 'libsql']));
    else expect(packages).toEqual(['digital-human-mcp']);
  });

  it('runs the demo from /', async () => {
    const [program, ...args] = command;
    const output = join(home, 'videos');
    const { stdout } = await run(
      program,
      [...args, join(folder, 'dist/index.js'), 'demo', '--output', output],
      {
        cwd: '/',
        env: environment,
      },
    );
    expect(stdout.match(/h264\+aac +ok/g)).toHaveLength(3);
    expect((await readdir(output)).filter((file) => file.endsWith('.mp4'))).toHaveLength(3);
  });

  it.each(eras)('lists tools, looks into files and brings a job to its end (%s)', async (era) => {
    const clip = join(home, `clip ${era}.mp4`);
    await copyFile(join(root, 'src/cli/demo-media/clip.mp4'), clip);
    const session = await openSession(era, {
      command,
      entry: join(folder, 'dist/index.js'),
      cwd: '/',
      environment: { ...environment, DIGITAL_HUMAN_SANDBOX: 'on', DIGITAL_HUMAN_SANDBOX_SPEED: '100' },
    });
    try {
      expect(await session.listTools()).toHaveLength(15);
      const checked = await session.call('check_media', { url: clip });
      expect(checked.isError, checked.text).toBe(false);
      expect(checked.text).toMatch(/format mp4,.*seconds 3,.*width 720, height 720/);
      const { structured, text } = await session.call('video_retalk', inputs(media).video_retalk ?? {});
      const end = await untilEnded(session, structured?.job_id ?? text);
      expect(end).toMatchObject({ status: 'succeeded', sandbox: true });
      const stored = await session.call('download_result', { job_id: end.job_id });
      expect(stored.structured?.outputs?.[0]?.local_path).toContain(join(home, 'digital-human'));
    } finally {
      await session.close();
    }
    expect(session.errors()).not.toMatch(/Error|Warning/);
  });

  it('wrote nothing beside itself', async () => {
    expect(await contentsOf(folder)).toEqual(before);
    expect(Object.keys(before).length).toBeGreaterThan(50);
  });
});
