import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { getMcpConfigForManifest, type McpbManifestAny, unpackExtension } from '@anthropic-ai/mcpb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settingFacts } from '../../src/settings.ts';
import { workflows } from '../../src/mcp/workflows.ts';
import { inputs, type Media, root, scratch, serveDemoMedia } from '../harness/processes.ts';
import { type Answer, openSession, type Session, untilEnded } from '../harness/sessions.ts';
import { ffmpegFolder, makeReadOnly, nodeCommand } from './installed.ts';

const run = promisify(execFile);
const manifestFile = join(root, 'manifest.json');
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as McpbManifestAny & {
  tools: Array<{ name: string }>;
  prompts: Array<{ name: string; arguments: string[] }>;
  user_config: Record<string, { sensitive?: boolean; default?: unknown }>;
  icons: Array<{ src: string; theme: string }>;
};

describe('the manifest', () => {
  const chinese = JSON.parse(readFileSync(join(root, 'mcpb-resources/zh-CN.json'), 'utf8')) as Record<
    string,
    Record<string, object>
  >;

  it('asks for every key as a secret, and hands each value to a setting', () => {
    const environment = Object.entries(manifest.server.mcp_config?.env ?? {});
    const handed = environment.map(([, value]) => /^\$\{user_config\.(\w+)\}$/.exec(value)?.[1]);
    expect(handed).toEqual(Object.keys(manifest.user_config));
    const secrets = new Set(
      settingFacts.filter(({ flag }) => flag === undefined).map(({ environment: name }) => name),
    );
    for (const [index, [name]] of environment.entries()) {
      expect(settingFacts.map((fact) => fact.environment)).toContain(name);
      const { sensitive = false } = manifest.user_config[handed[index] ?? ''] ?? {};
      expect(sensitive, name).toBe(secrets.has(name));
    }
  });

  it('names the prompts with their arguments', () => {
    expect(manifest.prompts.map(({ name, arguments: fields }) => [name, fields])).toEqual(
      workflows.map(({ name, arguments: fields }) => [name, fields.map((field) => field.name)]),
    );
  });

  it('says everything in Chinese as well', () => {
    const names = (list: ReadonlyArray<{ name: string }>) => list.map(({ name }) => name);
    expect(Object.keys(chinese.tools ?? {})).toEqual(names(manifest.tools));
    expect(Object.keys(chinese.prompts ?? {})).toEqual(names(manifest.prompts));
    expect(Object.keys(chinese.user_config ?? {})).toEqual(Object.keys(manifest.user_config));
    for (const field of ['display_name', 'description', 'long_description'])
      expect(chinese[field]).toMatch(/\p{Script=Han}/u);
  });

  it('has an icon for either theme', () => {
    expect(manifest.icons.map(({ theme }) => theme)).toEqual(['light', 'dark']);
    for (const { src } of manifest.icons)
      expect(readFileSync(join(root, src)).subarray(16, 24).toString('hex')).toBe('0000020000000200');
  });
});

describe('the packed bundle, run as a host runs it', () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  let media: Media;
  let folder: string;
  let node: [string, ...string[]];
  let search: string;
  let restore = async () => {};

  /** Starts the server with what its form was filled with, the official tool putting it where the manifest says. */
  const start = async (form: Record<string, string | boolean>): Promise<Session> => {
    const config = await getMcpConfigForManifest({
      manifest,
      extensionPath: folder,
      systemDirs: { HOME: place.path },
      userConfig: form,
      pathSeparator: '/',
    });
    const [entry, ...args] = config?.args ?? [];
    if (config?.command !== 'node' || !entry) throw new Error(`not run by node: ${JSON.stringify(config)}`);
    const environment = { ...config.env, HOME: join(place.path, 'home'), PATH: search };
    return openSession('legacy', { command: node, entry, args, cwd: '/', environment });
  };

  beforeAll(async () => {
    [place, media] = await Promise.all([scratch(), serveDemoMedia()]);
    await chmod(place.path, 0o755);
    const file = join(place.path, 'bundle.mcpb');
    await run(process.execPath, [join(root, 'pack-mcpb.mjs'), file]);
    folder = join(place.path, 'Claude Extensions', 'digital-human-mcp');
    await unpackExtension({ mcpbPath: file, outputDir: folder, silent: true });
    await mkdir(join(place.path, 'home'));
    if (process.getuid?.() === 0) await run('chown', ['65534:65534', join(place.path, 'home')]);
    restore = await makeReadOnly(folder);
    // A bundle has no native code, so it needs a Node.js with SQLite of its own, as the hosts bring it.
    node = await nodeCommand('24', place.path);
    search = [await ffmpegFolder(join(place.path, 'bin')), process.env.PATH].join(delimiter);
  });
  afterAll(async () => {
    await restore();
    await media.close();
    await place.remove();
  });

  it('has no native code and nothing of the development', async () => {
    const files = await readdir(folder, { recursive: true });
    expect(files.filter((file) => /\.node$|node_modules|\.ts$|\.map$|reference/.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['manifest.json', 'package.json', 'dist/index.js']));
  });

  it('starts with an empty form: what arrives as a literal placeholder is not set', async () => {
    const session = await start({});
    try {
      expect((await session.listTools()).map(({ name }) => name)).toEqual(
        manifest.tools.map(({ name }) => name),
      );
      expect((await session.listPrompts()).map(({ name }) => name)).toEqual(
        manifest.prompts.map(({ name }) => name),
      );
      const refused = await session.call('video_retalk', inputs(media).video_retalk ?? {});
      expect(refused.text).toContain('DASHSCOPE_API_KEY');
    } finally {
      await session.close();
    }
    expect(session.errors()).toBe('');
  });

  it('lists the tools of the cloud whose key was filled in', async () => {
    const session = await start({ dashscope_api_key: 'sk-none' });
    const names = (await session.listTools()).map(({ name }) => name);
    await session.close();
    expect(names.filter((name) => name.startsWith('submit_') || name.startsWith('make_'))).toEqual([]);
    expect(names).toContain('video_retalk');
  });

  it('looks into a file and brings a sandbox job to its end, into the directory of the form', async () => {
    const home = join(place.path, 'home');
    const clip = join(home, 'clip.mp4');
    await copyFile(join(root, 'src/cli/demo-media/clip.mp4'), clip);
    const session = await start({ sandbox: true, output_directory: join(home, 'My Videos') });
    let stored: Answer;
    try {
      const checked = await session.call('check_media', { url: clip });
      expect(checked.text).toMatch(/format mp4,.*seconds 3,.*width 720, height 720/);
      const { structured, text } = await session.call('video_retalk', inputs(media).video_retalk ?? {});
      const end = await untilEnded(session, structured?.job_id ?? text);
      expect(end).toMatchObject({ status: 'succeeded', sandbox: true });
      stored = await session.call('download_result', { job_id: end.job_id });
    } finally {
      await session.close();
    }
    expect(stored.structured?.outputs?.[0]?.local_path).toContain(join(home, 'My Videos'));
  });
});
