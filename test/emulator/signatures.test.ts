import { describe, expect, it } from 'vitest';
import { insideWindow, ivhSignature, parseTc3, tc3Signature } from '../../src/emulator/signatures.ts';

// Published vectors: upstream facts 2.3 (Tencent Cloud API signature v3) and 3.2 (IVH FAQ, public page).
const body = Buffer.from(
  String.raw`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`,
);
const headers = {
  'content-type': 'application/json; charset=utf-8',
  host: 'cvm.tencentcloudapi.com',
  'x-tc-action': 'DescribeInstances',
};
const stars = '*'.repeat(32);

describe('TC3-HMAC-SHA256', () => {
  it.each([
    [
      'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE',
      'content-type;host',
      '72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168',
    ],
    [
      'Gu5t9xGARNpq86cd98joQYCN3*******',
      'content-type;host',
      '2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c',
    ],
    [
      stars,
      'content-type;host;x-tc-action',
      '10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f',
    ],
  ])('agrees with the published vector of %s', (secretKey, names, expected) => {
    const signedHeaders = names.split(';');
    const signed = { secretKey, service: 'cvm', timestamp: '1551113065', signedHeaders, headers, body };
    expect(tc3Signature(signed)).toBe(expected);
  });

  it('reads an Authorization header and refuses other shapes', () => {
    const signature = 'a'.repeat(64);
    const scope = 'AKIDx/2026-11-21/vclm/tc3_request';
    const fields = `Credential=${scope}, SignedHeaders=content-type;host, Signature=${signature}`;
    const good = `TC3-HMAC-SHA256 ${fields}`;
    expect(parseTc3(good)).toEqual({
      secretId: 'AKIDx',
      date: '2026-11-21',
      service: 'vclm',
      signedHeaders: ['content-type', 'host'],
      signature,
    });
    for (const bad of [
      '',
      'Bearer x',
      good.replace('TC3', 'TC2'),
      good.replace('tc3_request', 'x'),
      `${good}0`,
    ])
      expect(parseTc3(bad)).toBeUndefined();
  });
});

describe('IVH signature', () => {
  it.each([
    [
      'f68f2d10ae9e4604b76fb05cf46bccec',
      'e38267c0e86411ebb02aed82acb0ed99',
      '1646636485',
      'BfWuaC9kmaicCggXc693uK+sZQ8qe88O4HVQNTdwZuo=',
    ],
    ['example_accesstoken', 'example_appkey', '1717639699', 'aCNWYzZdplxWVo+JsqzZc9+J9XrwWWITfX3eQpsLVno='],
  ])('agrees with the published vector of %s', (token, appkey, timestamp, expected) => {
    // In the wrong order and with a signature among them, as in a real query.
    const query = new URLSearchParams({ timestamp, signature: 'x', appkey });
    expect(ivhSignature(token, query)).toBe(expected);
  });
});

it('keeps the clock window of five minutes, both ways', () => {
  const now = Date.UTC(2026, 10, 21);
  const seconds = now / 1000;
  for (const near of [0, 300, -300]) expect(insideWindow(String(seconds + near), now)).toBe(true);
  for (const far of [301, -301, 3600]) expect(insideWindow(String(seconds + far), now)).toBe(false);
  for (const junk of ['', 'soon', '1e9', '-5']) expect(insideWindow(junk, now)).toBe(false);
});
