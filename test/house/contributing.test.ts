import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediaFacts } from '../../src/cli/media-facts.ts';
import { readPage } from '../harness/markdown.ts';
import { type Media, root, scratch, serveDemoMedia } from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

const { blocks } = readPage('CONTRIBUTING.md');
const stranger = new Set(['node_modules', 'dist', '.git', 'demo-output']);

describe('adding an operation as CONTRIBUTING.md says', () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  let media: Media;
  let copy: string;
  let session: Session;
  const outputs: string[] = [];

  const follow = ({ language, before, text }: (typeof blocks)[number]) => {
    const [, file] = /^`([^`]+)`:$/.exec(before) ?? [];
    if (language === 'diff') execFileSync('git', ['apply', '-'], { cwd: copy, input: text });
    else if (language === 'sh') {
      for (const command of text.trim().split('\n')) {
        const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: copy, encoding: 'utf8' });
        outputs.push(`${command}\n${stdout}`);
        if (status !== 0) throw new Error(`${command} ends with ${status}: ${stdout}${stderr}`);
      }
    } else if (file) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), text);
    } else throw new Error(`nobody can know what to do with the ${language} block after "${before}"`);
  };

  beforeAll(async () => {
    [place, media] = await Promise.all([scratch(), serveDemoMedia()]);
    copy = join(place.path, 'copy');
    mkdirSync(copy);
    for (const name of readdirSync(root).filter((each) => !stranger.has(each)))
      cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
    for (const block of blocks) follow(block);
    session = await openSession('modern', {
      entry: join(copy, 'dist/index.js'),
      args: ['--sandbox', '--data-dir', place.path, '--sandbox-speed', '200'],
    });
  }, 180_000);
  afterAll(async () => {
    await session?.close();
    await media.close();
    await place.remove();
  });

  it('takes four steps and the commands to see it', () => {
    expect(blocks.map(({ language, headings }) => [headings.at(-1), language])).toEqual([
      ['1. Write the literal', 'ts'],
      ['2. Keep the vendor’s own examples', 'json'],
      ['3. Put it into the list', 'diff'],
      ['4. Tell the emulator what to make', 'diff'],
      ['See it', 'sh'],
    ]);
  });

  it('runs its fixture: every status, none skipped by a wrong name', () => {
    expect(stripVTControlCharacters(outputs.at(-1) ?? '')).toMatch(/Tests\s+7 passed/);
  });

  it('lists the tool', async () => {
    const tools = await session.listTools();
    expect(tools.map(({ name }) => name)).toContain('portrait_nod');
  });

  it('gives it a page and rows in both READMEs, with its limits', async () => {
    const page = await session.read('digital-human://operations/portrait_nod');
    expect(page).toContain('| `image_url` | image | jpg, png; at most 5 MB; sides 256–2048 px |');
    expect(page).toMatch(/`strength` \| integer \|[^|]*\| 1–10 \|/);
    for (const name of ['README.md', 'README.zh-CN.md'])
      expect(readFileSync(join(copy, name), 'utf8')).toContain(
        '| `portrait_nod` | both | `audio_url` | wav, mp3; 2–30 s |',
      );
  });

  it('refuses what breaks a limit, of a field and of a file', async () => {
    const input = { image_url: media.portrait, audio_url: media.line };
    const field = await session.call('portrait_nod', { ...input, strength: 11, dry_run: true });
    expect(field.text).toContain('strength');
    expect(field.structured?.valid).toBe(false);
    const file = await session.call('portrait_nod', { ...input, audio_url: media.clip, dry_run: true });
    expect(file.structured?.valid).toBe(false);
    expect(file.text).toContain('audio_url');
  });

  it('makes a video in the sandbox', async () => {
    const { structured, text } = await session.call('portrait_nod', {
      image_url: media.portrait,
      audio_url: media.line,
    });
    const end = await untilEnded(session, structured?.job_id ?? text);
    expect(end.status).toBe('succeeded');
    const stored = await session.call('download_result', { job_id: end.job_id });
    const facts = await mediaFacts(stored.structured?.outputs?.[0]?.local_path ?? '');
    expect(facts.seconds).toBeGreaterThan(4.5);
  });
});
