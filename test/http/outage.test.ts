import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { untilEnded } from '../harness/sessions.ts';
import { startPostgres } from '../jobs/postgres-server.ts';
import { connect, type HttpCaller } from './callers.ts';
import { type HttpServerProcess, startHttpServer, until } from './server.ts';

const database = await startPostgres();
afterAll(() => database?.stop());

/** No call may outlive an agent's patience. */
const patienceMs = 45_000;

describe.skipIf(!database)('a database that goes away and comes back', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let server: HttpServerProcess;
  let caller: HttpCaller;
  let url: string;
  const servers: HttpServerProcess[] = [];

  const start = async () => {
    const environment = {
      ...emulator.environment,
      DIGITAL_HUMAN_DATABASE_URL: url,
      DIGITAL_HUMAN_PREFLIGHT: 'off',
      DIGITAL_HUMAN_LANES: 'ivh-video-no-training=4',
    };
    const started = await startHttpServer(environment, ['--data-dir', place.path]);
    servers.push(started);
    return started;
  };
  const readiness = async (of: HttpServerProcess) => {
    const reply = await fetch(`${of.url}/readyz`);
    return [reply.status, await reply.json()];
  };
  const notReady = [503, { ready: false, reasons: ['the job store does not answer'] }];
  const submission = (intent: string) => ({
    ...inputs(media).photo_to_video,
    ref_photo_url: `${media.portrait}?intent=${intent}`,
    idempotency_key: intent,
  });

  beforeAll(async () => {
    emulator = await startEmulator(30);
    media = await serveDemoMedia();
    place = await scratch();
    url = (await database?.database()) ?? '';
    server = await start();
    caller = await connect('modern', server.url);
  });
  afterAll(async () => {
    await caller.close();
    for (const each of servers) await each.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  it('is reported in time and in words, forgets no receipt, and lets nothing be submitted twice', async () => {
    if (!database) throw new Error('there is no database');
    // The first start makes the tables.
    await until(async () => (await readiness(server))[0] === 200, 60_000);
    const intents = ['a', 'b', 'c', 'd'];
    const jobs = new Map<string, string>();
    for (const intent of intents.slice(0, 3)) {
      const { structured, text } = await caller.call('photo_to_video', submission(intent));
      jobs.set(intent, structured?.job_id ?? text);
    }
    const [first = ''] = jobs.values();
    // The receipt of this one arrives when there is nowhere to store it.
    await emulator.fault({ fault: 'delay', call: 'submit', ms: 4_000 });
    const before = (await emulator.requests()).submit ?? 0;
    const submitted = caller.call('photo_to_video', submission('d'));
    await until(async () => ((await emulator.requests()).submit ?? 0) > before, 60_000);
    await database.crash();

    const began = performance.now();
    const [asked, sent, receipt, refused] = await Promise.all([
      caller.call('get_progress', { job_id: first }),
      caller.call('photo_to_video', submission('e')),
      submitted,
      readiness(server),
    ]);
    expect(performance.now() - began).toBeLessThan(patienceMs);
    expect(refused).toEqual(notReady);
    for (const answer of [asked, sent]) {
      expect(answer.isError).toBe(true);
      expect(answer.text).toContain('The job database cannot be reached at the moment.');
      expect(answer.text).toContain('Try again in a minute, with the same idempotency_key');
      expect(answer.text).not.toMatch(/p-loopback-only|127\.0\.0\.1|ECONN/);
    }
    // Its intent was committed, so it has a job, whatever became of it.
    expect(receipt.isError, receipt.text).toBe(false);
    expect(['queued', 'submitting']).toContain(receipt.structured?.status);
    jobs.set('d', receipt.structured?.job_id ?? '');
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const late = await start();
    expect(await readiness(late)).toEqual(notReady);

    await database.restart();
    await until(async () => (await readiness(server))[0] === 200, 60_000);
    await until(async () => (await readiness(late))[0] === 200, 60_000);
    // What was being asked after when the database went is asked again when the lease is over: time passes.
    await database.query(
      url,
      `update digital_human.jobs set lease_until = 0 where status in ('pending', 'running')`,
    );
    const again = await caller.call('photo_to_video', submission('e'));
    jobs.set('e', again.structured?.job_id ?? again.text);
    for (const [intent, id] of jobs)
      expect((await untilEnded(caller as never, id)).status, intent).toBe('succeeded');
    expect(new Set(jobs.values()).size).toBe(5);
    const accepted = (await emulator.submissions()).map(
      ({ request }) => /intent=(\w)/.exec(JSON.stringify(request))?.[1],
    );
    expect(accepted).toHaveLength(5);
    expect(new Set(accepted)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
  });

  it('keeps its password to itself', () => {
    let lines = 0;
    for (const each of servers) {
      lines += each.errors().split('\n').length;
      expect(each.errors()).not.toContain('p-loopback-only');
    }
    expect(lines).toBeGreaterThan(5);
  });
});
