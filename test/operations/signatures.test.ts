import { describe, expect, it } from 'vitest';
import { signedQuery } from '../../src/clouds/tencent-ivh/auth.ts';
import { type Tc3Input, tc3Authorization } from '../../src/clouds/tencent-vclm/auth.ts';

/** Documentation placeholders of the signature pages; no key of anyone. */
const published: Tc3Input = {
  secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE',
  secretKey: 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE',
  host: 'cvm.tencentcloudapi.com',
  service: 'cvm',
  contentType: 'application/json; charset=utf-8',
  body: String.raw`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`,
  timestamp: 1551113065,
};
const stars = (count: number) => '*'.repeat(count);

const vectors: Array<{ name: string; input: Tc3Input; signedHeaders: string; signature: string }> = [
  {
    name: 'A, international page',
    input: published,
    signedHeaders: 'content-type;host',
    signature: '72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168',
  },
  {
    name: 'B, with seven asterisks',
    input: {
      ...published,
      secretId: `AKIDz8krbsJ5yKBZQpn74WFkmLPx3${stars(7)}`,
      secretKey: `Gu5t9xGARNpq86cd98joQYCN3${stars(7)}`,
    },
    signedHeaders: 'content-type;host',
    signature: '2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c',
  },
  {
    name: 'C, current domestic page, the action signed too',
    input: {
      ...published,
      secretId: `AKID${stars(32)}`,
      secretKey: stars(32),
      action: 'DescribeInstances',
    },
    signedHeaders: 'content-type;host;x-tc-action',
    signature: '10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f',
  },
];

const signatureOf = (authorization: string) => /Signature=([\da-f]{64})$/.exec(authorization)?.[1];

describe('TC3-HMAC-SHA256', () => {
  it.each(vectors)('published vector $name', ({ input, signedHeaders, signature }) => {
    expect(tc3Authorization(input)).toBe(
      `TC3-HMAC-SHA256 Credential=${input.secretId}/2019-02-25/cvm/tc3_request, ` +
        `SignedHeaders=${signedHeaders}, Signature=${signature}`,
    );
  });

  it.each<[string, Partial<Tc3Input>]>([
    ['body', { body: '{"Limit": 2}' }],
    ['one blank in the body', { body: `${published.body} ` }],
    ['timestamp', { timestamp: published.timestamp + 1 }],
    ['secret key', { secretKey: 'another' }],
    ['host', { host: 'vclm.tencentcloudapi.com' }],
    ['service', { service: 'vclm' }],
    ['content type', { contentType: 'application/json' }],
    ['signed action', { action: 'DescribeInstances' }],
  ])('another %s gives another signature', (_, change) => {
    const signature = signatureOf(tc3Authorization({ ...published, ...change }));
    expect(signature).toBeDefined();
    expect(signature).not.toBe(vectors[0]?.signature);
  });

  it('dates the scope by the timestamp, in UTC', () => {
    const lastSecond = Date.UTC(2026, 11, 31, 23, 59, 59) / 1000;
    expect(tc3Authorization({ ...published, timestamp: lastSecond })).toContain(
      '/2026-12-31/cvm/tc3_request',
    );
    expect(tc3Authorization({ ...published, timestamp: lastSecond + 1 })).toContain('/2027-01-01/cvm/');
  });

  it('signs a body of any script by its UTF-8 bytes', () => {
    const signatures = ['主播', '主主', '😀'].map((body) =>
      signatureOf(tc3Authorization({ ...published, body })),
    );
    expect(new Set(signatures).size).toBe(3);
  });
});

const accessToken = 'f68f2d10ae9e4604b76fb05cf46bccec';
const parameters = { appkey: 'e38267c0e86411ebb02aed82acb0ed99', timestamp: '1646636485' };
const joined = 'appkey=e38267c0e86411ebb02aed82acb0ed99&timestamp=1646636485';

describe('IVH query signature', () => {
  it('published vector of the FAQ', () => {
    expect(signedQuery(parameters, accessToken)).toBe(
      `${joined}&signature=BfWuaC9kmaicCggXc693uK%2BsZQ8qe88O4HVQNTdwZuo%3D`,
    );
  });

  it('published vector of the public page', () => {
    expect(signedQuery({ appkey: 'example_appkey', timestamp: '1717639699' }, 'example_accesstoken')).toBe(
      'appkey=example_appkey&timestamp=1717639699&signature=aCNWYzZdplxWVo%2BJsqzZc9%2BJ9XrwWWITfX3eQpsLVno%3D',
    );
  });

  it('sorts by name, whatever the order given', () => {
    const { appkey, timestamp } = parameters;
    expect(signedQuery({ timestamp, appkey }, accessToken)).toBe(signedQuery(parameters, accessToken));
    expect(signedQuery({ timestamp, requestid: 'r', appkey }, accessToken)).toMatch(
      /^appkey=\w+&requestid=r&timestamp=\d+&signature=/,
    );
  });

  it.each([
    ['timestamp', { ...parameters, timestamp: '1646636486' }, accessToken],
    ['app key', { ...parameters, appkey: 'another' }, accessToken],
    ['access token', parameters, 'another'],
    ['parameter beside them', { ...parameters, requestid: 'r' }, accessToken],
  ])('another %s gives another signature', (_, changed, token) => {
    const signature = new URLSearchParams(signedQuery(changed, token)).get('signature');
    expect(signature).toHaveLength(44);
    expect(signature).not.toBe('BfWuaC9kmaicCggXc693uK+sZQ8qe88O4HVQNTdwZuo=');
  });
});
