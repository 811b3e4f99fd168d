import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { connect, type HttpCaller } from './callers.ts';
import { goodClaims, type Issuer, startIssuer } from './issuer.ts';
import { post, rawExchange } from './raw.ts';
import { type HttpServerProcess, startHttpServer, tokensFile } from './server.ts';

const secret = 'callback-secret-of-the-test';
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Every attack, and what came back. The last test counts them. */
const outcomes = new Map<string, 'refused' | 'harmless'>();

describe('attacks on the HTTP server', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let issuer: Issuer;
  let server: HttpServerProcess;
  let ada: HttpCaller;
  let token: string;

  beforeAll(async () => {
    emulator = await startEmulator(1);
    media = await serveDemoMedia();
    place = await scratch();
    issuer = await startIssuer();
    const file = await tokensFile(place.path, { ada: ['jobs:read', 'jobs:write'] });
    token = file.tokens.ada ?? '';
    server = await startHttpServer(
      { ...emulator.environment, ...issuer.environment, DIGITAL_HUMAN_CALLBACK_SECRET: secret },
      [
        ['--data-dir', place.path, '--http-tokens-file', file.path],
        ['--http-request-seconds', '2', '--http-max-body-mb', '1', '--http-burst', '1000'],
      ],
    );
    ada = await connect('modern', server.url, { token });
  });
  afterAll(async () => {
    await ada.close();
    await server.stop();
    await issuer.close();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  const list = (authorization?: string) =>
    post(server.url, { method: 'tools/list' }, authorization === undefined ? {} : { authorization });

  const impostures: Array<[string, () => string | undefined | Promise<string>]> = [
    ['no token', () => undefined],
    ['an empty token', () => 'Bearer '],
    ['a wrong token', () => `Bearer ${token}x`],
    ['a token cut short', () => `Bearer ${token.slice(0, -1)}`],
    ['the hash in place of the token', () => `Bearer ${'0'.repeat(64)}`],
    ['basic authentication', () => `Basic ${Buffer.from(`ada:${token}`).toString('base64')}`],
    [
      'a wrong audience',
      async () => `Bearer ${await issuer.sign({ ...goodClaims(issuer), aud: 'https://other.example' })}`,
    ],
    ['no audience', async () => `Bearer ${await issuer.sign({ ...goodClaims(issuer), aud: undefined })}`],
    [
      'a wrong issuer',
      async () => `Bearer ${await issuer.sign({ ...goodClaims(issuer), iss: 'https://evil.example' })}`,
    ],
    [
      'an expired token',
      async () =>
        `Bearer ${await issuer.sign({ ...goodClaims(issuer), exp: Math.floor(Date.now() / 1000) - 60 })}`,
    ],
    [
      'a token without an end',
      async () => `Bearer ${await issuer.sign({ ...goodClaims(issuer), exp: undefined })}`,
    ],
    [
      'a token of later',
      async () =>
        `Bearer ${await issuer.sign({ ...goodClaims(issuer), nbf: Math.floor(Date.now() / 1000) + 600 })}`,
    ],
    [
      'a token without a subject',
      async () => `Bearer ${await issuer.sign({ ...goodClaims(issuer), sub: undefined })}`,
    ],
    ['alg none', () => `Bearer ${base64url({ alg: 'none', kid: 'one' })}.${base64url(goodClaims(issuer))}.`],
    [
      'the public key as an HS256 secret',
      () => {
        const head = `${base64url({ alg: 'HS256', kid: 'one' })}.${base64url(goodClaims(issuer))}`;
        const signature = createHmac('sha256', issuer.publicKey).update(head).digest('base64url');
        return `Bearer ${head}.${signature}`;
      },
    ],
    [
      'a stranger’s key under the issuer’s key id',
      async () => `Bearer ${await issuer.sign(goodClaims(issuer), { key: issuer.strangersKey })}`,
    ],
    [
      'a key id that nobody published',
      async () => `Bearer ${await issuer.sign(goodClaims(issuer), { key: issuer.strangersKey, kid: 'two' })}`,
    ],
    [
      'claims changed after signing',
      async () => {
        const [head, , signature] = (await issuer.sign(goodClaims(issuer))).split('.');
        return `Bearer ${head}.${base64url({ ...goodClaims(issuer), sub: 'root' })}.${signature}`;
      },
    ],
  ];

  it.each(impostures)('%s is refused with a challenge', async (name, authorization) => {
    const reply = await list(await authorization());
    const told = await reply.text();
    expect(reply.status, told).toBe(401);
    const challenge = reply.headers.get('www-authenticate') ?? '';
    expect(challenge).toMatch(/^Bearer error="invalid_token"/);
    expect(challenge).toContain(
      'resource_metadata="https://jobs.example.org/.well-known/oauth-protected-resource/mcp"',
    );
    expect(told).not.toContain(token);
    outcomes.set(name, 'refused');
  });

  it('lets in whom it should: the table above proves nothing of a server that refuses all', async () => {
    const good = await list(`Bearer ${await issuer.sign(goodClaims(issuer))}`);
    expect(good.status).not.toBe(401);
    expect((await connect('legacy', server.url, { token })).sessionId()).toBeTruthy();
    const carol = await connect('modern', server.url, { token: await issuer.sign(goodClaims(issuer)) });
    expect(await carol.listTools()).toHaveLength(15);
    // Keys are kept: a flood of tokens is no flood of fetches.
    expect(issuer.fetches()).toBeLessThanOrEqual(2);
    const metadata = await fetch(`${server.url}/.well-known/oauth-protected-resource/mcp`);
    expect(await metadata.json()).toMatchObject({
      resource: 'https://jobs.example.org/mcp',
      authorization_servers: [issuer.url],
      scopes_supported: ['jobs:read', 'jobs:write'],
    });
  });

  const hosts = ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.', '[::1', ''];

  it.each(hosts)('a name that was rebound to this machine is refused: Host %j', async (host) => {
    const said = await rawExchange(server.url, [
      `POST /mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    ]);
    expect(said).toMatch(/^HTTP\/1\.1 40[03] /);
    outcomes.set(`host ${host}`, 'refused');
  });

  it.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'file://'])(
    'a page of another site is refused: Origin %s',
    async (origin) => {
      const reply = await post(
        server.url,
        { method: 'tools/list' },
        { authorization: `Bearer ${token}`, origin },
      );
      expect(reply.status).toBe(403);
      expect(reply.headers.get('access-control-allow-origin')).toBeNull();
      outcomes.set(`origin ${origin}`, 'refused');
    },
  );

  const head = () =>
    `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n`;
  const smuggled = () => `GET /smuggled-route HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: smuggled\r\n\r\n`;

  const shapes: Array<[string, () => string]> = [
    [
      'both lengths',
      () => `${head()}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled()}`,
    ],
    ['two lengths', () => `${head()}Content-Length: 2\r\nContent-Length: 80\r\n\r\n{}${smuggled()}`],
    ['a list of lengths', () => `${head()}Content-Length: 2, 80\r\n\r\n{}${smuggled()}`],
    ['a signed length', () => `${head()}Content-Length: +2\r\n\r\n{}${smuggled()}`],
    ['a broken chunk', () => `${head()}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${smuggled()}`],
    [
      'a chunk longer than it says',
      () => `${head()}Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n${smuggled()}`,
    ],
    [
      'an unknown transfer coding',
      () => `${head()}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled()}`,
    ],
    [
      'a space before the colon',
      () => `${head()}Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}${smuggled()}`,
    ],
    ['a bare line feed', () => `${head()}X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled()}`],
    ['a header without a name', () => `${head()}: chunked\r\n\r\n${smuggled()}`],
    ['a null in a header', () => `${head()}X: a\0b\r\n\r\n${smuggled()}`],
    ['headers beyond their limit', () => `${head()}X: ${'a'.repeat(20_000)}\r\n\r\n`],
  ];

  it.each(shapes)('a request with %s is refused, and what follows is not served', async (name, request) => {
    const said = await rawExchange(server.url, [request()]);
    expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(said).not.toContain('smuggled');
    expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    outcomes.set(name, 'refused');
  });

  it('a folded header is one header: nothing in it is obeyed', async () => {
    const folded = `${head()}X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
    const said = await rawExchange(server.url, [folded]);
    expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    outcomes.set('a folded header', 'harmless');
  });

  it('an address that is not a path of ours is refused', async () => {
    for (const target of ['http://evil.example/mcp', '*', '//evil.example/mcp', '/%2e%2e/mcp']) {
      const said = await rawExchange(server.url, [
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      ]);
      expect(said, target).toMatch(/^HTTP\/1\.1 40[0134] /);
      outcomes.set(`target ${target}`, 'refused');
    }
  });

  it('a body that says it is too large is refused before it is read', async () => {
    const said = await rawExchange(server.url, [`${head()}Content-Length: 100000000\r\n\r\n{`]);
    expect(said).toMatch(/^HTTP\/1\.1 413 /);
    outcomes.set('oversize by length', 'refused');
  });

  it('a body that grows too large is cut off', async () => {
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const parts = [`${head()}Transfer-Encoding: chunked\r\n\r\n`, ...Array.from({ length: 64 }, () => chunk)];
    const said = await rawExchange(server.url, parts);
    expect(said).toMatch(/^(HTTP\/1\.1 413 |$)/);
    outcomes.set('oversize by chunks', 'refused');
  });

  it('a body that hardly comes is cut off, and so are headers', async () => {
    const drip = Array.from({ length: 60 }, () => ' ');
    const [body, headers] = await Promise.all([
      rawExchange(server.url, [`${head()}Content-Length: 60\r\n\r\n`, ...drip], 30_000, 250),
      rawExchange(server.url, ['POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ', ...drip], 30_000, 250),
    ]);
    expect(body).toMatch(/^HTTP\/1\.1 408 /);
    expect(headers).toMatch(/^HTTP\/1\.1 408 /);
    outcomes.set('slow body', 'refused').set('slow headers', 'refused');
  });

  it('bodies that are no messages are refused', async () => {
    const send = (body: string, type = 'application/json') =>
      fetch(`${server.url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': type,
          accept: 'application/json, text/event-stream',
        },
        body,
      });
    const bodies: Array<[string, string, string?]> = [
      ['no JSON', '{"jsonrpc":'],
      ['nesting without end', '['.repeat(200_000)],
      ['a form', 'jsonrpc=2.0', 'application/x-www-form-urlencoded'],
      ['a number', '42'],
      ['a batch without end', JSON.stringify(Array.from({ length: 500 }, () => ({ jsonrpc: '2.0' })))],
      ['a prototype', '{"__proto__":{"method":"tools/list"},"jsonrpc":"2.0","id":1}'],
    ];
    for (const [name, body, type] of bodies) {
      const { status } = await send(body, type);
      expect(status, name).toBeGreaterThanOrEqual(400);
      expect(status, name).toBeLessThan(500);
      outcomes.set(name, 'refused');
    }
  });

  describe('callbacks', () => {
    const callback = (path: string, body: unknown, method = 'POST') =>
      fetch(`${server.url}/callbacks/ivh/${path}`, {
        method,
        ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });

    it('with a wrong secret find nothing there', async () => {
      const nowhere = await (await fetch(`${server.url}/nowhere`)).text();
      for (const wrong of ['', 'x', `${secret}x`, secret.slice(0, -1), `${secret}/`, '%00', '../ivh/x']) {
        const reply = await callback(wrong, { Payload: { TaskId: 'x' } });
        expect([reply.status, await reply.text()], wrong).toEqual([404, nowhere]);
        outcomes.set(`callback ${wrong}`, 'refused');
      }
      expect((await callback(secret, undefined, 'GET')).status).toBe(404);
    });

    it('are thanked for, however senseless', async () => {
      for (const body of [
        '',
        '{',
        'x'.repeat(200_000),
        { Payload: 1 },
        { Payload: { TaskId: 'no-such-task' } },
      ])
        expect((await callback(secret, body)).status).toBe(200);
      outcomes.set('senseless callback', 'harmless');
    });

    it('that claim a success that the cloud denies change nothing, but make it be asked', async () => {
      const { structured } = await ada.call('photo_to_video', inputs(media).photo_to_video ?? {});
      const asked = (await emulator.requests()).query ?? 0;
      const claim = {
        Payload: {
          TaskId: structured?.cloud_task_id,
          Status: 'SUCCESS',
          Progress: 100,
          MediaUrl: 'https://evil.example/malware.mp4',
        },
      };
      expect((await callback(secret, claim)).status).toBe(200);
      let now = await ada.call('get_progress', { job_id: structured?.job_id, wait_seconds: 1 });
      while (((await emulator.requests()).query ?? 0) === asked)
        now = await ada.call('get_progress', { job_id: structured?.job_id, wait_seconds: 1 });
      expect(['pending', 'running']).toContain(now.structured?.status);
      expect(now.structured?.outputs).toEqual([]);
      expect(await ada.read('digital-human://jobs')).not.toContain('evil.example');
      outcomes.set('callback that lies', 'harmless');
    });
  });

  it('were all refused or harmless, cost nothing, and left the server as it was', async () => {
    const counted = [...outcomes.values()];
    const refused = counted.filter((outcome) => outcome === 'refused').length;
    expect({ attacks: counted.length, refused, harmless: counted.length - refused }).toEqual({
      attacks: 64,
      refused: 61,
      harmless: 3,
    });
    expect(await emulator.submissions()).toHaveLength(1);
    expect(await ada.listTools()).toHaveLength(15);
    expect(server.errors()).not.toContain(token);
    expect(server.errors()).not.toContain(secret);
    expect(server.lines('request').some((line) => line.request_id === 'smuggled')).toBe(false);
  });
});
