import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { eras, untilEnded } from '../harness/sessions.ts';
import { connect, type HttpCaller } from './callers.ts';
import { openRawSession, post } from './raw.ts';
import { type HttpServerProcess, startHttpServer, until } from './server.ts';

describe('MCP over HTTP', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let server: HttpServerProcess;
  const submit = async (caller: HttpCaller, tool = 'photo_to_video') => {
    const { structured, text } = await caller.call(tool, inputs(media)[tool] ?? {});
    if (!structured?.job_id) throw new Error(text);
    return structured.job_id;
  };

  beforeAll(async () => {
    emulator = await startEmulator(60);
    media = await serveDemoMedia();
    place = await scratch();
    server = await startHttpServer(emulator.environment, ['--data-dir', place.path]);
  });
  afterAll(async () => {
    await server.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  describe.each(eras)('in the %s era', (era) => {
    it('lists the same tools as on a pipe, and says what is otherwise here', async () => {
      const caller = await connect(era, server.url);
      const tools = await caller.listTools();
      expect(tools).toHaveLength(15);
      const described = Object.fromEntries(tools.map(({ name, description }) => [name, description]));
      expect(described.download_result).toContain('This server stores no files');
      expect(described.list_jobs).toContain('Your jobs');
      await caller.close();
    });

    it('submits, waits and answers links, never a path', async () => {
      const caller = await connect(era, server.url);
      const progress: string[] = [];
      const job = await submit(caller);
      const waited = await caller.call('get_progress', { job_id: job, wait_seconds: 10 }, ({ message }) => {
        progress.push(message ?? '');
      });
      expect(waited.isError).toBe(false);
      const ended = await untilEnded(
        { call: caller.call } as unknown as Parameters<typeof untilEnded>[0],
        job,
      );
      expect(ended.status).toBe('succeeded');
      expect(ended.next).toContain('Fetch the links before');
      const fetched = await caller.call('download_result', { job_id: job });
      const [output] = fetched.structured?.outputs ?? [];
      expect(output?.url).toMatch(/^http/);
      expect(output).not.toHaveProperty('local_path');
      expect(fetched.text).not.toContain(place.path);
      expect(JSON.parse(await caller.read(`digital-human://jobs/${job}`))).toMatchObject({ job_id: job });
      expect(await caller.listResources()).toContain('digital-human://jobs');
      expect(progress.length).toBeGreaterThan(0);
      await caller.close();
    });

    it('pushes every change of a subscribed job until its end', async () => {
      const caller = await connect(era, server.url);
      const job = await submit(caller);
      const uri = `digital-human://jobs/${job}`;
      const pushed: string[] = [];
      await caller.subscribe([uri], (changed) => pushed.push(changed));
      let status = '';
      for (let read = 0; status !== 'succeeded'; ) {
        await until(() => pushed.length > read);
        read = pushed.length;
        ({ status } = JSON.parse(await caller.read(uri)) as { status: string });
      }
      expect(new Set(pushed)).toEqual(new Set([uri]));
      await caller.close();
    });
  });

  it('keeps a sane request id and trace id through to the lines of request and call', async () => {
    const headers = {
      'x-request-id': 'pipeline-42',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    };
    const caller = await connect('modern', server.url, { headers });
    const job = await submit(caller, 'video_retalk');
    await until(() => server.lines('tool call').some((line) => line.job === job));
    const call = server.lines('tool call').find((line) => line.job === job);
    expect(call).toMatchObject({
      request_id: 'pipeline-42',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      principal: 'local',
      tool: 'video_retalk',
    });
    const lines = () => server.lines('request').filter((line) => line.request_id === 'pipeline-42');
    await until(() => lines().some(({ tool }) => tool === 'video_retalk'));
    const request = lines();
    expect(request.every(({ trace_id: trace }) => trace === call?.trace_id)).toBe(true);
    await caller.close();
  });

  it('takes the trace id from where the protocol carries it, too', async () => {
    const session = await openRawSession(server.url);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
    const params = { name: 'list_jobs', arguments: {}, _meta: { traceparent } };
    expect((await post(server.url, { method: 'tools/call', params }, session)).status).toBe(200);
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await until(() => server.lines('tool call').some((line) => line.trace_id === trace));
  });

  it('takes a picture of 10 MB inside a message, and nothing much larger', async () => {
    const send = (megabytes: number) =>
      post(server.url, { method: 'ping', params: { pad: 'x'.repeat(megabytes * 1_000_000) } });
    // Read whole, then refused for want of a session.
    expect((await send(14)).status).toBe(400);
    // Refused before it is read: who is still sending may be cut off before the answer is heard.
    const outcome = await send(17).then(
      ({ status }) => status,
      (error: Error) => (error.cause as NodeJS.ErrnoException).code,
    );
    expect([413, 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']).toContain(outcome);
  });

  it('replaces a request id that is not fit for a log line, and ignores a broken traceparent', async () => {
    const reply = await fetch(`${server.url}/mcp`, {
      method: 'DELETE',
      headers: {
        'x-request-id': 'a b{"level":"error"}',
        traceparent: '00-00000000000000000000000000000000-1',
      },
    });
    const id = reply.headers.get('x-request-id');
    expect(id).toMatch(/^[\da-f-]{36}$/);
    await until(() => server.lines('request').some((line) => line.request_id === id));
    expect(server.lines('request').find((line) => line.request_id === id)).not.toHaveProperty('trace_id');
  });

  it('names the cloud’s own request id where the cloud refused', async () => {
    await emulator.fault({ call: 'query', fault: 'refuse', code: 'ResourceNotFound', times: 1 });
    const caller = await connect('modern', server.url);
    const refused = await caller.call('get_progress', {
      tool: 'submit_portrait_sing',
      cloud_task_id: '1199964964965990400',
    });
    expect(refused.isError).toBe(true);
    const shown = /Request id: (\S+)/.exec(refused.text)?.[1];
    expect(shown).toBeTruthy();
    await until(() => server.lines('tool call').some((line) => line.cloud_request === shown));
    await caller.close();
  });

  it('answers probes, and numbers without any name or id', async () => {
    const caller = await connect('legacy', server.url);
    const job = await submit(caller);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const name of ['jobs', 'lane_depth', 'open_streams', 'sessions', 'build_info'])
      expect(metrics).toMatch(new RegExp(`^digital_human_${name}\\b.* [1-9]?\\d*$`, 'm'));
    expect(metrics).toMatch(/digital_human_jobs\{operation="photo_to_video",state="\w+"\} \d/);
    expect(metrics).toMatch(
      /digital_human_submit_seconds_count\{operation="photo_to_video",outcome="ok"\} \d/,
    );
    expect(metrics).toMatch(/digital_human_poll_seconds_count\{/);
    expect(metrics).toMatch(/digital_human_retries_total\{operation="\w+",call="query"\} 1/);
    expect(metrics).toMatch(/digital_human_open_streams\{era="legacy"\} [1-9]/);
    for (const secret of [job, 'local', ...emulator.keys]) expect(metrics).not.toContain(secret);
    await caller.close();
  });

  it('says why it is not ready', async () => {
    const secret = 'callback-secret-of-the-test';
    const bare = await startHttpServer({ DIGITAL_HUMAN_CALLBACK_SECRET: secret }, [
      '--data-dir',
      '/dev/null/nowhere',
    ]);
    const ready = await fetch(`${bare.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      ready: false,
      reasons: ['the job store does not answer', 'no cloud has keys'],
    });
    expect((await fetch(`${bare.url}/healthz`)).status).toBe(200);
    // The sender tries once and cannot mend our store: it is thanked all the same.
    const body = '{"Payload":{"TaskId":"x"}}';
    const thanked = await fetch(`${bare.url}/callbacks/ivh/${secret}`, { method: 'POST', body });
    expect(thanked.status).toBe(200);
    await bare.stop();
  });

  it('has nothing anywhere else, and no metadata where no JWT is accepted', async () => {
    for (const path of ['/', '/admin', '/mcp/x', '/callbacks/ivh/', '/.well-known/oauth-protected-resource'])
      expect((await fetch(server.url + path)).status, path).toBe(404);
  });
});
