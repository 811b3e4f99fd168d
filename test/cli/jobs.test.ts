import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Screen, watchJobs } from '../../src/cli/jobs-watch.ts';
import { displayWidth } from '../../src/cli/terminal.ts';
import { operations } from '../../src/clouds/index.ts';
import { JobEngine } from '../../src/jobs/engine.ts';
import { createLog } from '../../src/log.ts';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  runCommand,
  scratch,
  serveDemoMedia,
  startCommand,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

interface Exported {
  job_id: string;
  tool: string;
  status: string;
  cloud_task_id?: string;
  idempotency_key?: string;
  outputs: Array<{ url: string; local_path?: string; sha256?: string; size_bytes?: number }>;
  input?: Record<string, unknown>;
}

/** Each test has a job file of its own, and a server that works on it while the command runs beside. */
describe('jobs for people, beside a running server', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let session: Session;
  let settings: string[];
  // Where jobs are to be found running, however slow this machine is.
  let slow: EmulatorProcess;
  let slowSession: Session;
  let slowSettings: string[];

  beforeAll(async () => {
    emulator = await startEmulator(20);
    media = await serveDemoMedia();
    place = await scratch();
    settings = ['--data-dir', join(place.path, 'data'), '--output-dir', join(place.path, 'output')];
    session = await openSession('modern', {
      environment: { ...emulator.environment, DIGITAL_HUMAN_DOWNLOAD: 'off' },
      args: settings,
    });
  });
  beforeAll(async () => {
    slow = await startEmulator(0.5);
    slowSettings = ['--data-dir', join(place.path, 'slow')];
    slowSession = await openSession('legacy', { environment: slow.environment, args: slowSettings });
  });
  afterAll(async () => {
    await session.close();
    await slowSession.close();
    await slow.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  const jobs = (...words: string[]) => runCommand(['jobs', ...words, ...settings], emulator.environment);
  const slowJobs = (...words: string[]) => runCommand(['jobs', ...words, ...slowSettings], slow.environment);
  const submit = async (tool: string, key?: string, at = session) => {
    const input = { ...inputs(media)[tool], ...(key && { idempotency_key: key }) };
    const { structured, text } = await at.call(tool, input);
    if (!structured?.job_id) throw new Error(text);
    return structured.job_id;
  };
  const shown = async (id: string) => JSON.parse((await jobs('show', id, '--json')).stdout) as Exported;

  it('lists, newest first, by tool and status, as table and as JSON, and says when there are more', async () => {
    const first = await submit('submit_portrait_sing');
    const second = await submit('photo_to_video');
    await untilEnded(session, first);
    const { code, stdout } = await jobs('list');
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^JOB +TOOL +STATUS +AGE +NOTE$/);
    expect(lines.findIndex((line) => line.startsWith(second))).toBeLessThan(
      lines.findIndex((line) => line.startsWith(first)),
    );
    const succeeded = JSON.parse(
      (await jobs('list', '--status', 'succeeded', '--tool', 'submit_portrait_sing', '--json')).stdout,
    ) as Exported[];
    expect(succeeded.map((job) => job.job_id)).toEqual([first]);
    expect((await jobs('list', '--limit', '1')).stdout).toContain('Older ones: --limit 2');
    expect((await jobs('list', '--status', 'cancelled')).stdout).toBe('No jobs.\n');
    await untilEnded(session, second);
  });

  it('shows everything about one job, its input without signed queries', async () => {
    const input = {
      ...inputs(media).photo_to_video,
      callback_url: 'http://127.0.0.1:9/hook?token=hush-hush',
    };
    const { structured } = await slowSession.call('photo_to_video', input);
    const id = structured?.job_id ?? '';
    const { code, stdout } = await slowJobs('show', id);
    expect(code).toBe(0);
    expect(stdout).toContain(`job          ${id}`);
    expect(stdout).toContain('(Tencent AI Digital Human (IVH))');
    expect(stdout).toContain(`input        ref_photo_url = "${media.portrait}"`);
    expect(stdout).toContain('callback_url = "http://127.0.0.1:9/hook?…"');
    expect(stdout).toContain(`jobs watch ${id}`);
    expect(stdout + (await slowJobs('export')).stdout).not.toContain('hush-hush');
  });

  it('watches jobs to their end, a line for each change, and ends with 1 when one fails', async () => {
    await emulator.fault({
      call: 'submit',
      fault: 'fail_task',
      code: '802001',
      operation: 'phototovideonotrain',
    });
    const [good, bad] = [await submit('submit_portrait_sing'), await submit('photo_to_video')];
    const { code, stdout } = await jobs('watch', good, bad);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`^\\d\\d:\\d\\d:\\d\\d  ${good}  submit_portrait_sing  succeeded`, 'm'),
    );
    expect(stdout).toMatch(new RegExp(`${bad}  photo_to_video  failed  media: `));
    expect(stdout).toContain('1 of 2 succeeded.');
    expect(stdout).not.toContain('\u001b');
    const again = await jobs('watch', good);
    expect([again.code, again.stdout.split('\n').at(-2)]).toEqual([0, '1 of 1 succeeded.']);
    expect((await jobs('watch')).stdout).toBe('Nothing is under way.\n');
  });

  it('draws one table in place on a terminal, never wider and never taller than it', async () => {
    const ids = [await submit('submit_portrait_sing'), await submit('photo_to_video')];
    const waiting = await Promise.all(ids.map((_, index) => submit('video_retalk', `row-${index}`)));
    const engine = await JobEngine.open({
      path: join(place.path, 'data', 'jobs.sqlite'),
      connections: {},
      operations,
      laneSizes: {},
      sandbox: false,
      keepDays: 0,
      speed: 1,
      now: Date.now,
      log: createLog('silent'),
      part: 'looking',
    });
    let drawn = '';
    const write = (text: unknown) => {
      drawn += String(text);
      return true;
    };
    const screen: Screen = { write, isTTY: true, columns: 60, rows: 5 };
    const code = await watchJobs(
      engine,
      [...ids, ...waiting],
      screen,
      Date.now,
      new AbortController().signal,
    );
    await engine.close();
    expect(code).toBe(0);
    const escape = '\u001b[';
    // Every further frame begins by going up.
    const up = `${escape.replace('[', '\\[')}\\d+A`;
    const frames = drawn.split(new RegExp(`(?=${up})`));
    expect(frames.length).toBeGreaterThan(2);
    for (const [index, frame] of frames.entries()) {
      const lines = frame.split(`${escape}2K`).slice(1);
      // Two rows of four fit, between the heading and the count of the others.
      expect(lines).toHaveLength(4);
      expect(lines[3]).toMatch(/^… and 2 more\n/);
      if (index > 0) expect(frame.startsWith(`${escape}4A`)).toBe(true);
      for (const line of lines) expect(displayWidth(line.split('\n')[0] ?? '')).toBeLessThanOrEqual(60);
    }
    expect(drawn).toContain('4 of 4 succeeded.');
  });

  it('ends a watch on Ctrl-C and leaves the jobs alone', async () => {
    const id = await submit('photo_to_video', undefined, slowSession);
    const watch = startCommand(['jobs', 'watch', ...slowSettings], slow.environment);
    await watch.seen(new RegExp(id));
    watch.child.kill('SIGINT');
    expect((await watch.finished).code).toBe(130);
    const { structured } = await slowSession.call('get_progress', { job_id: id });
    expect(['pending', 'running']).toContain(structured?.status);
  });

  it('downloads what has ended, and refuses what has not', async () => {
    const early = await slowJobs('download', await submit('video_retalk', undefined, slowSession));
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('only a job that succeeded')]);
    const id = await submit('video_retalk');
    await untilEnded(session, id);
    const { code, stdout } = await jobs('download', id);
    expect(code, stdout).toBe(0);
    const [output] = (await shown(id)).outputs;
    const content = await readFile(output?.local_path ?? '');
    expect(output?.local_path).toContain(join(place.path, 'output'));
    expect(createHash('sha256').update(content).digest('hex')).toBe(output?.sha256);
    expect(stdout).toContain(output?.local_path);
  });

  it('adopts a task from elsewhere, and says which task an unknown job became', async () => {
    await emulator.fault({ call: 'submit', fault: 'accept_then_drop' });
    const lost = await submit('photo_to_video');
    expect((await shown(lost)).status).toBe('unknown');
    const advice = (await jobs('show', lost)).stdout;
    expect(advice).toContain(`jobs adopt photo_to_video TASK_ID --job ${lost}`);
    const task = (await emulator.submissions()).at(-1)?.task_id ?? '';
    const other = await jobs('adopt', 'video_retalk', task, '--job', lost);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('is of the tool photo_to_video')]);
    expect((await jobs('adopt', 'photo_to_video', task, '--job', lost)).code).toBe(0);
    expect(await shown(lost)).toMatchObject({ cloud_task_id: task });
    const stranger = await jobs('adopt', 'photo_to_video', 'ffffffffffffffffffffffffffffffff');
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('The task id is wrong')]);
    // The server looks for what others have stored every half minute; a watch asks by itself.
    expect((await jobs('watch', lost)).code).toBe(0);
    const gone = await jobs('forget', lost);
    expect(gone.code).toBe(0);
    expect((await jobs('adopt', 'photo_to_video', task)).code).toBe(0);
    const adopted = (JSON.parse((await jobs('list', '--limit', '1', '--json')).stdout) as Exported[])[0];
    expect(adopted).toMatchObject({ cloud_task_id: task, tool: 'photo_to_video' });
    expect((await jobs('watch', adopted?.job_id ?? '')).code).toBe(0);
  });

  it('cancels what is held here, and says plainly what cannot be cancelled', async () => {
    const refused = await slowJobs('cancel', await submit('photo_to_video', undefined, slowSession));
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('no way to cancel')]);
    await emulator.fault({ call: 'submit', fault: 'refuse', code: '100008', times: 1000 });
    const held = await submit('photo_to_video');
    let answer = await jobs('cancel', held);
    while (answer.code !== 0) answer = await jobs('cancel', held);
    expect(answer.stdout).toContain('status       cancelled');
    await emulator.reset();
  });

  it('forgets an ended job, and one that has not ended only when told twice', async () => {
    const id = await submit('submit_portrait_sing', 'once-only', slowSession);
    const first = await slowJobs('forget', id);
    expect(first.code).toBe(1);
    expect(first.stderr).toContain('the cloud goes on and will bill it');
    expect(first.stderr).toContain('--yes');
    expect((await slowJobs('show', id)).code).toBe(0);
    const second = await slowJobs('forget', id, '--yes');
    expect(second.code).toBe(0);
    expect(second.stdout).toContain('will bill it');
    expect(second.stdout).toContain('"once-only" is free again');
    expect((await slowJobs('show', id)).code).toBe(1);
    const ended = await submit('submit_portrait_sing', 'once-only');
    await untilEnded(session, ended);
    expect((await jobs('forget', ended)).code).toBe(0);
    // The server goes on, and the count of changes too, after the newest change was removed.
    const next = await submit('submit_portrait_sing', 'once-only');
    expect(next).not.toBe(ended);
    expect((await untilEnded(session, next)).status).toBe('succeeded');
    expect((await jobs('forget', next)).code).toBe(0);
  });

  it('tells of an unknown job that the cloud may bill it, before it is forgotten', async () => {
    await emulator.fault({ call: 'submit', fault: 'accept_then_drop' });
    const id = await submit('photo_to_video');
    const first = await jobs('forget', id);
    expect([first.code, first.stderr]).toEqual([
      1,
      expect.stringContaining('if the cloud has it, it goes on'),
    ]);
    expect((await jobs('forget', id, '--yes')).code).toBe(0);
  });

  it('exports every job as a line of JSON: links whole, keys nowhere', async () => {
    const id = await submit('synthesize_speech', 'spoken');
    await untilEnded(session, id);
    const { code, stdout } = await jobs('export');
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Exported & { sentences?: unknown[] });
    expect(lines.length).toBeGreaterThan(5);
    expect(new Set(lines.map((job) => job.job_id)).size).toBe(lines.length);
    const spoken = lines.find((job) => job.job_id === id);
    expect(spoken).toMatchObject({ idempotency_key: 'spoken', input: inputs(media).synthesize_speech });
    expect(spoken?.sentences?.length).toBeGreaterThan(0);
    const { structured } = await session.call('get_progress', { job_id: id });
    expect(spoken?.outputs[0]?.url).toBe(structured?.outputs?.[0]?.url);
    for (const key of emulator.keys) expect(stdout).not.toContain(key);
  });

  it('submits nothing, whatever it is asked', async () => {
    await session.close();
    await emulator.reset();
    session = await openSession('legacy', { environment: emulator.environment, args: settings });
    await emulator.fault({ call: 'submit', fault: 'refuse', code: '100008', times: 1000 });
    const held = await submit('photo_to_video');
    await session.close();
    await emulator.reset();
    const watch = startCommand(['jobs', 'watch', ...settings], emulator.environment);
    await watch.seen(/queued {2}held here/);
    for (const words of [['list'], ['show', held], ['export']]) expect((await jobs(...words)).code).toBe(0);
    watch.child.kill('SIGTERM');
    await watch.finished;
    expect((await emulator.requests()).submit).toBe(0);
    session = await openSession('modern', { environment: emulator.environment, args: settings });
    expect((await untilEnded(session, held)).status).toBe('succeeded');
    expect(await emulator.submissions()).toHaveLength(1);
  });

  it.each([
    [['jobs'], 'What about the jobs?'],
    [['jobs', 'sing'], 'no command "jobs sing"'],
    [['jobs', 'show'], 'was given 0 word(s)'],
    [['jobs', 'list', '--status', 'tired'], '--status cannot be "tired"'],
    [['jobs', 'list', '--limit', '0'], '--limit cannot be "0"'],
    [['jobs', 'list', '--limit'], '--limit needs a value'],
    [['jobs', 'cancel', 'job_x', '--yes'], 'takes no --yes'],
    [['jobs', 'list', '--colour'], '--colour is no known option'],
  ])('refuses %j as wrong usage', async (args, words) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(words);
  });

  it('makes no job file for whoever only looks', async () => {
    const empty = await scratch();
    const answers = await Promise.all(
      ['list', 'export', 'watch'].map((word) => runCommand(['jobs', word, '--data-dir', empty.path])),
    );
    expect(answers.map(({ code, stdout }) => [code, stdout])).toEqual([
      [0, 'No jobs.\n'],
      [0, ''],
      [0, 'Nothing is under way.\n'],
    ]);
    const stranger = await runCommand(['jobs', 'show', 'job_\u001b[31mx', '--data-dir', empty.path]);
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('There is no job')]);
    expect(stranger.stderr).not.toContain('\u001b');
    await empty.remove();
  });
});
