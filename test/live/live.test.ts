import { spawn } from 'node:child_process';
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveFiles } from '../../src/cli/demo-files.ts';
import { type EmulatorProcess, root, scratch, startEmulator } from '../harness/processes.ts';
import { openSession, type Session } from '../harness/sessions.ts';
import { pptx } from '../media/documents.ts';
import { cases, localMedia } from './cases.ts';

let emulator: EmulatorProcess;
let place: Awaited<ReturnType<typeof scratch>>;
let files: Awaited<ReturnType<typeof serveFiles>>;

beforeAll(async () => {
  place = await scratch();
  await writeFile(join(place.path, 'slides.pptx'), pptx(2));
  const names = await readdir(localMedia);
  for (const name of names) await copyFile(join(localMedia, name), join(place.path, name));
  [emulator, files] = await Promise.all([
    startEmulator(200),
    serveFiles([...names, 'slides.pptx'].map((name) => join(place.path, name))),
  ]);
});
afterAll(async () => {
  await emulator.stop();
  await files.close();
  await place.remove();
});

describe('what holds of every cloud, of the emulator', () => {
  let session: Session;
  beforeAll(async () => {
    session = await openSession('modern', {
      environment: emulator.environment,
      args: ['--data-dir', place.path, '--output-dir', `${place.path}/out`, '--media-dirs', localMedia],
    });
  });
  afterAll(() => session.close());

  it.each(cases.map((each) => [each.name, each] as const))('%s', async (_, each) => {
    await each.run({ session, publicMedia: files.url });
  });

  it('is one case at least of every operation', async () => {
    const tools = (await session.listTools()).map(({ name }) => name);
    const submits = tools.filter((name) =>
      cases.some((each) => each.name.startsWith(`${name}:`) && each.seconds),
    );
    expect(submits).toHaveLength(9);
  });
});

describe('the live suite, against the emulator posing as the clouds', () => {
  const live = async (environment: Record<string, string>, ...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'test/live/run.mjs'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', HOME: place.path, ...environment },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    const code = await new Promise<number | null>((done) => {
      child.once('close', done);
    });
    const ran = output.match(/^(ok {2}|FAIL) /gm) ?? [];
    return { code, output, ran: ran.length };
  };
  const submissions = async () => (await emulator.submissions()).length;
  const without = (...prefixes: string[]) =>
    Object.fromEntries(
      Object.entries(emulator.environment).filter(
        ([name]) => !prefixes.some((each) => name.startsWith(each)),
      ),
    );
  beforeEach(() => emulator.reset());

  it('sends nothing without --yes, and says what it would send', async () => {
    const { code, output, ran } = await live(emulator.environment, '--cap-seconds', '1000');
    expect(code, output).toBe(0);
    expect(ran).toBe(0);
    expect(output).toContain('Nothing was sent. Add --yes');
    expect(output.match(/^will run/gm)).toHaveLength(cases.filter((each) => !each.needsPublicMedia).length);
    expect(output.match(/^needs --media-url/gm)).toHaveLength(5);
    expect(Object.values(await emulator.requests()).filter((count) => count > 0)).toEqual([]);
    expect(await submissions()).toBe(0);
  });

  it('has nothing to run without keys, whatever it is told', async () => {
    const { code, output } = await live(without('TENCENTCLOUD', 'IVH', 'DASHSCOPE_API'), '--yes');
    expect(code).toBe(0);
    expect(output).toContain('Nothing to run');
    expect(output.match(/^no keys/gm)).toHaveLength(cases.length);
  });

  it('keeps to the clouds with keys and to the cap', async () => {
    const { code, output, ran } = await live(without('TENCENTCLOUD', 'IVH'), '--yes', '--cap-seconds', '6');
    expect(code, output).toBe(0);
    expect(ran).toBe(2);
    expect(output).toContain('2 passed, 0 failed');
    expect((await emulator.submissions()).map(({ operation }) => operation)).toEqual(['videoretalk']);

    await emulator.reset();
    const cheaper = await live(without('TENCENTCLOUD', 'IVH'), '--yes', '--cap-seconds', '5');
    expect(cheaper.output).toContain('over the cap: 5 s left');
    expect(cheaper.ran).toBe(1);
    expect(await submissions()).toBe(0);
  });

  it('runs everything that there are keys, files and seconds for', async () => {
    const wanted = cases.reduce((sum, { seconds }) => sum + seconds, 0);
    const options = ['--yes', '--cap-seconds', `${wanted}`, '--media-url', files.url];
    const { code, output, ran } = await live(emulator.environment, ...options);
    expect(code, output).toBe(0);
    expect(ran).toBe(cases.length);
    expect(await submissions()).toBe(9);
  });

  it('fails when a cloud refuses its keys, and sends no job there', async () => {
    const wrong = { ...without('TENCENTCLOUD', 'IVH'), DASHSCOPE_API_KEY: 'sk-of-somebody-else' };
    const { code, output } = await live(wrong, '--yes');
    expect(code).toBe(1);
    expect(output).toMatch(/FAIL {2}video_retalk: a task that does not exist[^]*credentials/);
    expect(output).not.toContain('sk-of-somebody-else');
    expect(await submissions()).toBe(0);
  });
});
