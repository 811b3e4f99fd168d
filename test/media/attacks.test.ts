import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { download } from '../../src/media/download.ts';
import { checkUrl, guardedLookup, isPublicAddress, publicLookup } from '../../src/media/url-guard.ts';
import { urlSource } from '../../src/media/url-source.ts';
import { scratch } from '../harness/processes.ts';
import { type Loopback, loopback } from './loopback.ts';

/** Stands for everything that must never be reached; its connections are counted. */
let target: Loopback;
let port: string;
let folder: { path: string; remove(): Promise<void> };

beforeAll(async () => {
  target = await loopback((_request, response) => void response.end('the secret'));
  port = new URL(target.url).port;
  folder = await scratch();
});
afterAll(async () => {
  expect(target.connections()).toBe(0);
  await target.close();
  await folder.remove();
});

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw error;
}

const probing = (url: string, lookup?: LookupFunction) =>
  failureOf(urlSource(url, { allowPrivateAddresses: false, patienceMs: 5000, lookup }));
const downloading = (url: string) =>
  failureOf(
    download({
      url,
      directory: folder.path,
      fileName: 'a.mp4',
      expiresAt: Date.now() + 1000,
      allowPrivateAddresses: false,
    }),
  );

/** Every way to write 127.0.0.1, and names for it. */
const loopbackForms = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0x7F.0x0.0x0.0x1',
  '017700000001',
  '0177.0.0.1',
  '0177.0.0.01',
  '127.0.0.0x1',
  '%31%32%37.0.0.1',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '127.255.255.254',
  '0',
  '0.0.0.0',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:7f00:0001]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::127.0.0.1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  'localhost',
  'LOCALHOST',
];

/** Literals of networks that are nobody's business; never connected to, not even by a fault of ours. */
const refusedLiterals = [
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.255.255',
  '169.254.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '100.100.100.200',
  '100.127.255.255',
  '168.63.129.16',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  'fe80::1',
  'fec0::1',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '::ffff:169.254.169.254',
  '::ffff:10.0.0.1',
  '::10.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '2001:db8::1',
  '100::1',
  '1234::1',
  '4000::1',
  '5f00::1',
];

describe('addresses that are refused', () => {
  it('are counted', () => {
    expect([loopbackForms.length, refusedLiterals.length]).toEqual([33, 36]);
  });

  it.each(loopbackForms)(
    'http://%s, to be probed and to be downloaded, without any connection',
    async (host) => {
      const url = `http://${host}:${port}/a.mp4`;
      for (const failure of [await probing(url), await downloading(url)])
        expect(failure, failure.message).toMatchObject({ kind: 'permission', retryable: false });
      expect(target.connections()).toBe(0);
    },
  );

  it.each(refusedLiterals)('%s, as a literal and as what a name resolves to', async (address) => {
    expect(isPublicAddress(address)).toBe(false);
    const host = address.includes(':') ? `[${address}]` : address;
    for (const scheme of ['http', 'https'])
      expect(() => checkUrl(new URL(`${scheme}://${host}/a.mp4`), false)).toThrow(Failure);
    expect((await probing(`http://${host}/a.mp4`)).message).toMatch(/is not a public one/);
    const answer = await looked([{ address, family: address.includes(':') ? 6 : 4 }]);
    expect(answer).toMatchObject({ kind: 'permission' });
  });

  it('leave the public ones alone', () => {
    for (const address of ['1.1.1.1', '93.184.216.34', '100.63.255.255', '172.32.0.1', '2606:4700::1111'])
      expect(isPublicAddress(address), address).toBe(true);
    for (const host of ['1.1.1.1', '[2606:4700::1111]', 'example.com', '10.example.com'])
      expect(() => checkUrl(new URL(`https://${host}/`), false)).not.toThrow();
    expect(isPublicAddress('example.com')).toBe(false);
  });
});

describe('addresses that are none', () => {
  it.each([
    'file:///etc/passwd',
    'ftp://example.com/a.mp4',
    'gopher://127.0.0.1:70/',
    'data:video/mp4;base64,AAAA',
    'oss://bucket/key',
    'javascript:alert(1)',
  ])('%s is not fetched', async (url) => {
    for (const failure of [await probing(url), await downloading(url)])
      expect(failure, failure.message).toMatchObject({ kind: 'permission' });
  });

  it.each([
    'http://',
    'http://[::1',
    'http://a b/',
    'http://127.0.0.1:99999/',
    'http://[fe80::1%25lo]/',
    'x',
  ])('%s is refused as what it is, and no fault of this server', async (url) => {
    expect((await probing(url)).kind).toMatch(/^(network|permission|invalid_input)$/);
  });

  it('user names and passwords are refused and not repeated', async () => {
    const addresses = [
      `http://user:the-password@127.0.0.1:${port}/`,
      'https://store.invalid:the-password@store.invalid/',
      `http://store.invalid@127.0.0.1:${port}/`,
      'https://user@store.invalid/',
    ];
    for (const url of addresses) {
      const failure = await probing(url);
      expect(failure, url).toMatchObject({ kind: 'permission' });
      expect(failure.message + failure.advice).not.toContain('the-password');
    }
    // Also where private addresses are permitted.
    expect(() => checkUrl(new URL(addresses[0] ?? ''), true)).toThrow(/user name/);
  });
});

type Answers = (hostname: string) => LookupAddress[];

/** Asks the guard for a name; the resolver behind it gives these answers. */
function resolver(answers: Answers) {
  const asked: string[] = [];
  const lookup = guardedLookup((hostname, _options, callback) => {
    asked.push(hostname);
    callback(null, answers(hostname));
  });
  return { lookup, asked };
}

function looked(addresses: LookupAddress[], all = true): Promise<unknown> {
  const { lookup } = resolver(() => addresses);
  return new Promise((done) => lookup('name.example', { all }, (error, found) => done(error ?? found)));
}

const publicOne: LookupAddress = { address: '93.184.216.34', family: 4 };
const loopbackOne: LookupAddress = { address: '127.0.0.1', family: 4 };

describe('names', () => {
  it('are handed on with the very addresses that were checked', async () => {
    expect(await looked([publicOne])).toEqual([publicOne]);
    expect(await looked([publicOne], false)).toBe(publicOne.address);
    expect(await looked([])).toMatchObject({ kind: 'permission' });
  });

  it('are refused when any of their addresses is not public', async () => {
    for (const mixed of [
      [publicOne, loopbackOne],
      [loopbackOne, publicOne],
      [publicOne, { address: '::ffff:7f00:1', family: 6 }],
    ])
      for (const all of [true, false]) expect(await looked(mixed, all)).toMatchObject({ kind: 'permission' });
  });

  it('are asked for once a connection: a second answer cannot replace the one that was checked', async () => {
    let turn = 0;
    // The first answer is refused; a guard that asked again would be let through by the second.
    const { lookup, asked } = resolver(() => [turn++ === 0 ? loopbackOne : publicOne]);
    expect(await probing(`http://rebinding.example:${port}/`, lookup)).toMatchObject({ kind: 'permission' });
    expect(asked).toEqual(['rebinding.example']);
  });
});

/** A server that may be reached as first.example, as if it were public; every other name meets the guard. */
describe('a server that turns on us', () => {
  let server: Loopback;
  let location: string;
  let firstLookups: number;
  const { lookup: other } = resolver(() => [loopbackOne]);
  const lookup: LookupFunction = (hostname, options, callback) => {
    if (hostname !== 'first.example') return publicLookup(hostname, options, callback);
    firstLookups += 1;
    if (firstLookups > 1) return other(hostname, options, callback);
    return options.all ? callback(null, [loopbackOne]) : callback(null, '127.0.0.1', 4);
  };

  beforeAll(async () => {
    server = await loopback((request, response) => {
      if (request.url === '/changing') {
        const body = Buffer.alloc(256 * 1024);
        response.writeHead(206, {
          'content-range': `bytes 0-${body.length - 1}/1000000`,
          'content-length': body.length,
          connection: 'close',
        });
        return void response.end(body);
      }
      response.writeHead(302, { location }).end();
    });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    firstLookups = 0;
  });
  const first = (path: string) => `http://first.example:${new URL(server.url).port}${path}`;

  it.each([
    ['loopback', () => target.url, 'permission'],
    ['loopback as a number', () => `http://2130706433:${port}/`, 'permission'],
    ['loopback, mapped', () => `http://[::ffff:7f00:1]:${port}/`, 'permission'],
    ['loopback, compatible', () => `http://[::7f00:1]:${port}/`, 'permission'],
    ['loopback without a scheme', () => `//127.0.0.1:${port}/`, 'permission'],
    ['a name for loopback', () => `http://localhost:${port}/`, 'permission'],
    ['a private network', () => 'http://10.0.0.1/', 'permission'],
    ['the metadata service', () => 'http://169.254.169.254/latest/meta-data/', 'permission'],
    ['a file', () => 'file:///etc/passwd', 'permission'],
    ['a file of another host', () => 'file://example.com/etc/passwd', 'permission'],
    ['ftp', () => 'ftp://127.0.0.1/a.mp4', 'permission'],
    ['data', () => 'data:video/mp4;base64,AAAA', 'permission'],
    ['an address with a password', () => `http://user:the-password@127.0.0.1:${port}/`, 'permission'],
    ['no address at all', () => 'http://[', 'network'],
    ['itself, for ever', () => first('/'), 'network'],
  ])('by a redirect to %s gets nothing', async (_, to, kind) => {
    location = to();
    const failure = await probing(first('/'), lookup);
    expect(failure, failure.message).toMatchObject({ kind });
    expect(failure.message + failure.advice).not.toContain('the-password');
    expect(server.connections()).toBeGreaterThan(0);
    expect(target.connections()).toBe(0);
  });

  it('by DNS that changes its answer between two reads gets no second connection', async () => {
    const before = server.connections();
    const source = await urlSource(first('/changing'), { allowPrivateAddresses: false, lookup });
    expect(source.size).toBe(1_000_000);
    expect(await failureOf(source.read(500_000, 1000))).toMatchObject({ kind: 'permission' });
    await source.close();
    expect([server.connections() - before, firstLookups]).toEqual([1, 2]);
  });
});
