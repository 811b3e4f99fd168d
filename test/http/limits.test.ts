import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  entry,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { eras } from '../harness/sessions.ts';
import { connect } from './callers.ts';
import { messagesOf, openRawSession, post } from './raw.ts';
import { type HttpServerProcess, refusedStart, startHttpServer, tokensFile } from './server.ts';

describe('what a principal may do', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let server: HttpServerProcess;
  let tokens: Readonly<Record<string, string>>;

  beforeAll(async () => {
    emulator = await startEmulator(1);
    media = await serveDemoMedia();
    place = await scratch();
    const file = await tokensFile(place.path, {
      reader: ['jobs:read'],
      writer: ['jobs:write'],
      flood: ['jobs:read', 'jobs:write'],
      many: ['jobs:read', 'jobs:write'],
      other: ['jobs:read', 'jobs:write'],
    });
    tokens = file.tokens;
    server = await startHttpServer(emulator.environment, [
      ['--data-dir', place.path, '--http-tokens-file', file.path],
      ['--http-rate', '1', '--http-burst', '30', '--http-jobs', '2'],
    ]);
  });
  afterAll(async () => {
    await server.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });
  const bearer = (name: string) => ({ authorization: `Bearer ${tokens[name]}` });

  it('is bounded by scopes: to submit, cancel, fetch or adopt is to write', async () => {
    const writing: Array<[string, Record<string, unknown>]> = [
      ['photo_to_video', inputs(media).photo_to_video ?? {}],
      ['photo_to_video', { ...inputs(media).photo_to_video, dry_run: true }],
      ['cancel_job', { job_id: 'x' }],
      ['download_result', { job_id: 'x' }],
      ['get_progress', { cloud_task_id: 'x', tool: 'photo_to_video' }],
      ['get_progress', { job_id: 'x', cloud_task_id: 'y' }],
      ['no_such_tool', {}],
    ];
    for (const [name, input] of writing) {
      const reply = await post(
        server.url,
        { method: 'tools/call', params: { name, arguments: input } },
        bearer('reader'),
      );
      expect(reply.status, name).toBe(403);
      const challenge = reply.headers.get('www-authenticate');
      expect(challenge).toContain('error="insufficient_scope"');
      expect(challenge).toContain('scope="jobs:write"');
    }
    const blind = await post(server.url, { method: 'tools/list' }, bearer('writer'));
    expect([blind.status, blind.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining('scope="jobs:read"'),
    ]);
    expect(await emulator.submissions()).toHaveLength(0);
  });

  it('finds a forbidden call in a batch, too', async () => {
    const session = await openRawSession(server.url, bearer('reader'));
    const reply = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: {
        ...session,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify([
        { jsonrpc: '2.0', id: 1, method: 'tools/list' },
        {
          jsonrpc: '2.0',
          id: 2,
          method: 'tools/call',
          params: { name: 'cancel_job', arguments: { job_id: 'x' } },
        },
      ]),
    });
    expect(reply.status).toBe(403);
  });

  it('leaves reading to who may read', async () => {
    const reader = await connect('modern', server.url, { token: tokens.reader });
    expect((await reader.call('list_jobs', {})).structured?.jobs).toEqual([]);
    expect((await reader.call('get_progress', { job_id: 'x' })).text).toContain('not_found');
    await reader.close();
  });

  it('is bounded in requests: a batch counts as what it holds, and others are not held up', async () => {
    const session = await openRawSession(server.url, bearer('flood'));
    const batch = Array.from({ length: 25 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'tools/list' }));
    const send = () =>
      fetch(`${server.url}/mcp`, {
        method: 'POST',
        headers: {
          ...session,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify(batch),
      });
    const first = await send();
    expect(await messagesOf(first)).toHaveLength(25);
    const second = await send();
    expect(second.status).toBe(429);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await second.text()).toContain('1 requests a second, 30 at one moment');
    const other = await post(server.url, { method: 'tools/list' }, bearer('other'));
    expect(other.status).toBe(400);
  });

  it.each(eras)('is bounded in unfinished jobs, but a repeat is answered (%s)', async (era) => {
    const name = era === 'legacy' ? 'many' : 'other';
    const caller = await connect(era, server.url, { token: tokens[name] });
    const submit = (key: string) =>
      caller.call('photo_to_video', { ...inputs(media).photo_to_video, idempotency_key: key });
    const first = await submit('1');
    await submit('2');
    const before = await emulator.submissions();
    const third = await submit('3');
    expect(third.isError).toBe(true);
    expect(third.text).toContain('capacity: You have 2 unfinished jobs, which is the limit.');
    expect((await submit('1')).structured?.job_id).toBe(first.structured?.job_id);
    expect(await emulator.submissions()).toHaveLength(before.length);
    await caller.close();
  });
});

describe('starting', () => {
  it('beyond this machine without authentication is refused, unless it is said twice', async () => {
    const place = await scratch();
    const args = ['--data-dir', place.path, '--http-host', '0.0.0.0'];
    const refused = refusedStart({}, args);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toContain('without authentication');
    expect(refused.stderr).toContain('DIGITAL_HUMAN_HTTP_INSECURE=on');
    const file = await tokensFile(place.path, { ada: ['jobs:read'] });
    for (const allowed of [['--http-insecure'], ['--http-tokens-file', file.path]]) {
      const server = await startHttpServer({}, [...args, ...allowed]);
      const local = server.url.replace('0.0.0.0', '127.0.0.1');
      expect((await fetch(`${local}/healthz`)).status).toBe(200);
      // The address that was reached is no name; a name must be listed.
      expect((await post(local, { method: 'tools/list' })).status).toBe(allowed.length === 1 ? 400 : 401);
      expect((await fetch(`${local.replace('127.0.0.1', 'localhost')}/metrics`)).status).toBe(403);
      expect(await server.stop()).toBe(0);
    }
    await place.remove();
  });

  it('says every fault of the tokens file and shows none of its hashes', async () => {
    const place = await scratch();
    const path = join(place.path, 'tokens.jsonl');
    const good = { name: 'ada', sha256: 'a'.repeat(64), scopes: ['jobs:read'] };
    const lines = [
      JSON.stringify(good),
      JSON.stringify(good),
      '{',
      JSON.stringify({ ...good, name: 'b c', sha256: 'short-hash-value', scopes: ['all'] }),
    ];
    await writeFile(path, lines.join('\n'));
    const { status, stderr } = refusedStart({}, ['--http-tokens-file', path]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/line 2 repeats the name ada/);
    expect(stderr).toMatch(/line 2 repeats the token/);
    expect(stderr).toMatch(/line 3 /);
    expect(stderr).toMatch(/line 4 name /);
    expect(stderr).toMatch(/line 4 sha256 /);
    expect(stderr).toMatch(/line 4 scopes/);
    expect(stderr).not.toContain('aaaaaaaa');
    expect(stderr).not.toContain('short-hash-value');
    await writeFile(path, '\n');
    expect(refusedStart({}, ['--http-tokens-file', path]).stderr).toContain('holds no token');
    expect(refusedStart({}, ['--http-tokens-file', `${path}.gone`]).stderr).toContain('ENOENT');
    await place.remove();
  });

  it('takes the token that the command printed, stored by the line that it printed', async () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [entry, 'token', ...args], { encoding: 'utf8' });
    const { stdout, status } = run('ci');
    expect(status).toBe(0);
    const [, token = '', , line = ''] = stdout.trim().split('\n');
    expect(token).toMatch(/^dh_[\w-]{43}$/);
    expect(line).not.toContain(token);
    expect(run('two words').status).toBe(2);
    expect(run().status).toBe(2);
    const place = await scratch();
    const path = join(place.path, 'tokens.json');
    await writeFile(path, `[${line}]`);
    const server = await startHttpServer({}, ['--data-dir', place.path, '--http-tokens-file', path]);
    const caller = await connect('modern', server.url, { token });
    expect(await caller.listTools()).toHaveLength(15);
    await caller.close();
    await server.stop();
    await place.remove();
  });

  it('lets pages of a listed site call, with what a browser asks first', async () => {
    const place = await scratch();
    const args = ['--data-dir', place.path, '--http-allowed-origins', 'app.example.org'];
    const server = await startHttpServer({}, args);
    const origin = 'https://app.example.org';
    const asked = await fetch(`${server.url}/mcp`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-headers': 'authorization, mcp-session-id' },
    });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    expect(asked.headers.get('access-control-allow-headers')).toBe('authorization, mcp-session-id');
    const session = await openRawSession(server.url, { origin });
    expect(session['mcp-session-id']).toBeTruthy();
    await server.stop();
    await place.remove();
  });
});
