import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { connect } from './callers.ts';
import { messagesOf, openRawSession, post, RawStream } from './raw.ts';
import { type HttpServerProcess, startHttpServer, tokensFile, until } from './server.ts';

const both = ['jobs:read', 'jobs:write'];

describe('sessions of the 2025 protocol', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let server: HttpServerProcess;
  let ada: Record<string, string>;
  let bob: Record<string, string>;

  beforeAll(async () => {
    emulator = await startEmulator(30);
    media = await serveDemoMedia();
    place = await scratch();
    const { path, tokens } = await tokensFile(place.path, { ada: both, bob: both });
    ada = { authorization: `Bearer ${tokens.ada}` };
    bob = { authorization: `Bearer ${tokens.bob}` };
    const limits = ['--http-sessions', '8', '--http-session-seconds', '2', '--http-rate', '1000'];
    const args = ['--data-dir', place.path, '--http-tokens-file', path, '--http-burst', '1000', ...limits];
    server = await startHttpServer(emulator.environment, args);
  });
  afterAll(async () => {
    await server.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  const call = (headers: Record<string, string>, name: string, input: unknown) =>
    post(server.url, { method: 'tools/call', params: { name, arguments: input } }, headers);
  const submit = async (headers: Record<string, string>) => {
    const reply = await call(headers, 'photo_to_video', inputs(media).photo_to_video);
    const [message] = await messagesOf(reply);
    const { structuredContent } = (message ?? {}).result as { structuredContent: { job_id: string } };
    return structuredContent.job_id;
  };

  it('are resumed after a broken connection without losing a change', async () => {
    const session = await openRawSession(server.url, ada);
    const uri = 'digital-human://jobs';
    await (await post(server.url, { method: 'resources/subscribe', params: { uri } }, session)).text();
    const first = await RawStream.open(server.url, session);
    const job = await submit(session);
    const seen = await first.next();
    expect(JSON.parse(seen?.data ?? '{}')).toMatchObject({ method: 'notifications/resources/updated' });
    first.cut();
    // What happens now happens without a listener.
    for (let status = ''; status !== 'succeeded'; ) {
      const reply = await call(session, 'get_progress', { job_id: job, wait_seconds: 20 });
      const [message] = await messagesOf(reply);
      status = ((message ?? {}).result as { structuredContent: { status: string } }).structuredContent.status;
    }
    const second = await RawStream.open(server.url, { ...session, 'last-event-id': seen?.id ?? '' });
    expect(second.status).toBe(200);
    const missed = await second.next();
    expect(Number(missed?.id?.split('.')[0])).toBeGreaterThan(Number(seen?.id?.split('.')[0]));
    expect(JSON.parse(missed?.data ?? '{}')).toMatchObject({ params: { uri } });
    second.cut();
  });

  it('resume the answer to a call whose connection broke', async () => {
    const session = await openRawSession(server.url, ada);
    const job = await submit(session);
    const abort = new AbortController();
    const reply = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: {
        ...session,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'waiting',
        method: 'tools/call',
        params: { name: 'get_progress', arguments: { job_id: job, wait_seconds: 30 } },
      }),
      signal: abort.signal,
    });
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!/^id: (\S+)$/m.test(text)) text += (await reader?.read())?.value ?? '';
    abort.abort();
    const [, id = ''] = /^id: (\S+)$/m.exec(text) ?? [];
    let event: Awaited<ReturnType<RawStream['next']>>;
    await until(async () => {
      const stream = await RawStream.open(server.url, { ...session, 'last-event-id': id });
      event = stream.status === 200 ? await stream.next() : undefined;
      stream.cut();
      return event !== undefined;
    });
    expect(JSON.parse(event?.data ?? '{}')).toMatchObject({ id: 'waiting', result: {} });
  });

  it('refuse an event id that was never given', async () => {
    const session = await openRawSession(server.url, ada);
    for (const id of ['99999._GET_stream', 'x', '1', '-1.a', '1.../..', '0._GET_stream'])
      expect((await RawStream.open(server.url, { ...session, 'last-event-id': id })).status, id).toBe(400);
  });

  it('belong to one principal: to another they do not exist', async () => {
    const session = await openRawSession(server.url, ada);
    const stolen = { ...session, ...bob };
    const unknown = { ...stolen, 'mcp-session-id': '00000000-0000-4000-8000-000000000000' };
    for (const method of ['GET', 'POST', 'DELETE']) {
      const ask = (headers: Record<string, string>) =>
        method === 'POST'
          ? post(server.url, { method: 'tools/list' }, headers)
          : fetch(`${server.url}/mcp`, { method, headers: { ...headers, accept: 'text/event-stream' } });
      const [theirs, none] = await Promise.all([ask(stolen), ask(unknown)]);
      expect([theirs.status, await theirs.text()]).toEqual([404, await none.text()]);
    }
    const own = await post(server.url, { method: 'tools/list' }, session);
    expect(own.status).toBe(200);
    await own.text();
  });

  it('end when their host says so', async () => {
    const session = await openRawSession(server.url, ada);
    const ended = await fetch(`${server.url}/mcp`, { method: 'DELETE', headers: session });
    expect(ended.status).toBe(200);
    expect((await post(server.url, { method: 'tools/list' }, session)).status).toBe(404);
  });

  it('end after a time without use, but not while a stream is open', async () => {
    const idle = await openRawSession(server.url, ada);
    const listening = await openRawSession(server.url, ada);
    const stream = await RawStream.open(server.url, listening);
    // Asked for with a session id that is not its own, so that looking does not count as use.
    const open = async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return Number(/^digital_human_sessions (\d+)$/m.exec(text)?.[1]);
    };
    await until(async () => (await open()) === 1);
    expect((await post(server.url, { method: 'tools/list' }, idle)).status).toBe(404);
    expect((await post(server.url, { method: 'tools/list' }, listening)).status).toBe(200);
    stream.cut();
  });

  it('are bounded: one principal cannot take the places of all, and makes room with its own', async () => {
    const streams: RawStream[] = [];
    for (let held = 0; held < 4; held++)
      streams.push(await RawStream.open(server.url, await openRawSession(server.url, ada)));
    await expect(openRawSession(server.url, ada)).rejects.toThrow('HTTP 503');
    const other = await openRawSession(server.url, bob);
    expect((await post(server.url, { method: 'tools/list' }, other)).status).toBe(200);
    streams[0]?.cut();
    await until(() =>
      openRawSession(server.url, ada).then(
        () => true,
        () => false,
      ),
    );
    for (const stream of streams) stream.cut();
  });

  it('are not begun by anything but initialize', async () => {
    const without = await post(server.url, { method: 'tools/list' }, ada);
    expect(without.status).toBe(400);
    expect(await without.text()).toContain('Mcp-Session-Id');
    const session = await openRawSession(server.url, ada);
    const clientInfo = { name: 'raw', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    expect((await post(server.url, { method: 'initialize', params }, session)).status).toBe(400);
  });
});

describe('the end of a server', () => {
  it('answers who waits, ends streams as each protocol does, and loses no job', async () => {
    const emulator = await startEmulator(1);
    const media = await serveDemoMedia();
    const place = await scratch();
    const args = ['--data-dir', place.path];
    const server = await startHttpServer(emulator.environment, args);
    const modern = await connect('modern', server.url);
    const { structured } = await modern.call('photo_to_video', inputs(media).photo_to_video ?? {});
    const job = structured?.job_id ?? '';
    await modern.subscribe([`digital-human://jobs/${job}`], () => {});
    const session = await openRawSession(server.url);
    const stream = await RawStream.open(server.url, session);
    const legacyWait = post(
      server.url,
      {
        method: 'tools/call',
        params: { name: 'get_progress', arguments: { job_id: job, wait_seconds: 45 } },
      },
      session,
    );
    const modernWait = modern.call('get_progress', { job_id: job, wait_seconds: 45 });
    const answers = Promise.all([legacyWait.then(messagesOf), modernWait]);
    await until(async () =>
      /_open_streams\{era="modern"\} 1/.test(await (await fetch(`${server.url}/metrics`)).text()),
    );
    server.signal('SIGTERM');
    const [[legacy], waited] = await answers;
    expect(legacy).toMatchObject({ result: { structuredContent: { job_id: job } } });
    expect(waited.structured).toMatchObject({ job_id: job });
    expect(await modern.streamEnded()).toBe('graceful');
    expect(await stream.next()).toBeUndefined();
    expect(await server.ended).toBe(0);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    const again = await startHttpServer(emulator.environment, args);
    const after = await connect('modern', again.url);
    const { structured: kept } = await after.call('get_progress', { job_id: job });
    expect(kept?.job_id).toBe(job);
    expect(await emulator.submissions()).toHaveLength(1);
    await modern.close();
    await after.close();
    await again.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });
});
