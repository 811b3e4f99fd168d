import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dashscopeErrors, unlistedDashscopeError } from '../../src/clouds/dashscope/errors.ts';
import { operations } from '../../src/clouds/index.ts';
import { ivhCallErrors, ivhTaskErrors, unlistedIvhError } from '../../src/clouds/tencent-ivh/errors.ts';
import { unlistedVclmError, vclmErrors } from '../../src/clouds/tencent-vclm/errors.ts';
import { type ErrorRule, type ErrorTable, Failure, failureKinds } from '../../src/core/failure.ts';
import { connected } from './connected.ts';

const tables: Readonly<Record<'vclm' | 'ivh_call' | 'ivh_task' | 'dashscope', ErrorTable>> = {
  vclm: vclmErrors,
  ivh_call: ivhCallErrors,
  ivh_task: ivhTaskErrors,
  dashscope: dashscopeErrors,
};
const kinds = Object.keys(failureKinds);

const file = z
  .strictObject({
    lists: z.record(
      z.string(),
      z.strictObject({
        page: z.string(),
        table: z.enum(['vclm', 'ivh_call', 'ivh_task', 'dashscope']),
        count: z.int(),
        codes: z.array(z.string()),
      }),
    ),
    vclm_sdk_groups: z.record(
      z.string(),
      z.strictObject({
        kinds: z.array(z.string()),
        retry: z.boolean().optional(),
        count: z.int(),
        codes: z.array(z.string()),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/error-codes.json', import.meta.url), 'utf8')));

const lists = Object.entries(file.lists).map(([name, list]) => ({ name, ...list }));
const groups = Object.entries(file.vclm_sdk_groups).map(([name, group]) => ({ name, ...group }));

/** Faults of a rule, so that one assertion shows every bad row at once. */
function faults(code: string, rule: ErrorRule | undefined): string[] {
  if (!rule) return [`${code}: no row`];
  const found: string[] = [];
  if (!kinds.includes(rule.kind)) found.push(`${code}: kind ${String(rule.kind)}`);
  if (typeof rule.retry !== 'boolean') found.push(`${code}: retry ${String(rule.retry)}`);
  if (typeof rule.advice !== 'string' || rule.advice.trim().length < 10)
    found.push(`${code}: advice too short`);
  else if (/[\r\n]|\p{Script=Han}/u.test(rule.advice)) found.push(`${code}: advice is not one English line`);
  return found;
}

const row = (table: ErrorTable, code: string) => (Object.hasOwn(table, code) ? table[code] : undefined);

describe('documented codes', () => {
  it('are seven lists of 162 codes, as counted on the pages', () => {
    expect(lists.map(({ name, codes }) => [name, codes.length])).toEqual([
      ['vclm_submit_portrait_sing', 18],
      ['vclm_submit_image_animate', 22],
      ['ivh_call', 20],
      ['ivh_task', 31],
      ['dashscope_video_retalk', 12],
      ['tencent_common', 25],
      ['dashscope_common', 34],
    ]);
    for (const { name, codes, count } of lists) {
      expect(codes, name).toHaveLength(count);
      expect(new Set(codes).size, name).toBe(count);
    }
    expect(lists.reduce((sum, { count }) => sum + count, 0)).toBe(162);
  });

  it.each(lists)('$page: each of the $count has a row', ({ table, codes }) => {
    expect(codes.flatMap((code) => faults(code, row(tables[table], code)))).toEqual([]);
  });

  it('the IVH tables hold what the appendix lists and nothing else', () => {
    expect(Object.keys(ivhCallErrors).toSorted()).toEqual(file.lists.ivh_call?.codes.toSorted());
    expect(Object.keys(ivhTaskErrors).toSorted()).toEqual(file.lists.ivh_task?.codes.toSorted());
  });

  it('every other row is sound too', () => {
    const rows = Object.values(tables).flatMap((table) => Object.entries(table));
    expect(rows.length).toBeGreaterThanOrEqual(200);
    expect(rows.flatMap(([code, rule]) => faults(code, rule))).toEqual([]);
  });

  it('each operation carries the tables of its cloud', () => {
    const carried = operations.map(({ name, wire }) => [name, wire.errors.call, wire.errors.task]);
    expect(carried).toEqual([
      ['submit_portrait_sing', vclmErrors, vclmErrors],
      ['submit_image_animate', vclmErrors, vclmErrors],
      ['synthesize_speech', ivhCallErrors, ivhTaskErrors],
      ['make_video', ivhCallErrors, ivhTaskErrors],
      ['make_video_advanced', ivhCallErrors, ivhTaskErrors],
      ['make_ppt_video', ivhCallErrors, ivhTaskErrors],
      ['video_to_video', ivhCallErrors, ivhTaskErrors],
      ['photo_to_video', ivhCallErrors, ivhTaskErrors],
      ['photo_to_video', ivhCallErrors, ivhTaskErrors],
      ['video_retalk', dashscopeErrors, dashscopeErrors],
    ]);
  });

  it('media limits name codes that exist', () => {
    const named = operations.flatMap(({ wire }) =>
      Object.values(wire.media).flatMap((limits) =>
        Object.values(limits.codes ?? {}).map((code) => ({ code, rule: row(wire.errors.task, code) })),
      ),
    );
    expect(named.length).toBe(123);
    expect(named.filter(({ rule }) => !rule).map(({ code }) => code)).toEqual([]);
  });
});

describe('codes of the VCLM SDKs', () => {
  it('are 91 in eleven groups', () => {
    expect(groups.map(({ name, count }) => `${name} ${count}`)).toEqual([
      'auth 2',
      'transient 6',
      'capacity 6',
      'account 12',
      'lookup 5',
      'image 25',
      'audio 5',
      'moderation 3',
      'video 13',
      'parameter 9',
      'other 5',
    ]);
    const codes = groups.flatMap((group) => group.codes);
    expect(codes).toHaveLength(91);
    expect(new Set(codes).size).toBe(91);
  });

  it.each(groups)('$name: rows of the right kind ($kinds)', ({ kinds: allowed, retry, codes, count }) => {
    expect(codes).toHaveLength(count);
    expect(codes.flatMap((code) => faults(code, row(vclmErrors, code)))).toEqual([]);
    expect(codes.filter((code) => !allowed.includes(row(vclmErrors, code)?.kind ?? ''))).toEqual([]);
    const otherwise = codes.filter(
      (code) => row(vclmErrors, code)?.retry !== (retry ?? row(vclmErrors, code)?.retry),
    );
    expect(otherwise).toEqual([]);
  });
});

describe('IVH numbers with two meanings', () => {
  it('801004 is a throttle in a call and a crash in a task', () => {
    expect(row(ivhCallErrors, '801004')).toMatchObject({ kind: 'throttled', retry: true });
    expect(row(ivhTaskErrors, '801004')).toMatchObject({ kind: 'cloud' });
    expect(row(ivhCallErrors, '801004')?.advice).not.toBe(row(ivhTaskErrors, '801004')?.advice);
  });

  it('three numbers stand in both tables', () => {
    const both = Object.keys(ivhCallErrors).filter((code) => Object.hasOwn(ivhTaskErrors, code));
    expect(both.toSorted()).toEqual(['801000', '801002', '801004']);
  });
});

type Expected = Pick<ErrorRule, 'kind' | 'retry'>;

const vclmUnlisted: Array<[string, Expected]> = [
  ['AuthFailure.SomethingNew', { kind: 'credentials', retry: false }],
  ['UnauthorizedOperation.SomethingNew', { kind: 'permission', retry: false }],
  ['RequestLimitExceeded.SomethingNew', { kind: 'throttled', retry: true }],
  ['LimitExceeded.SomethingNew', { kind: 'capacity', retry: true }],
  ['ResourceInsufficient.SomethingNew', { kind: 'capacity', retry: true }],
  ['ResourceUnavailable.SomethingNew', { kind: 'billing', retry: false }],
  ['ResourcesSoldOut.SomethingNew', { kind: 'billing', retry: false }],
  ['ResourceNotFound.SomethingNew', { kind: 'not_found', retry: false }],
  ['InvalidParameter.SomethingNew', { kind: 'invalid_input', retry: false }],
  ['InvalidParameterValue.SomethingNew', { kind: 'invalid_input', retry: false }],
  ['MissingParameter.SomethingNew', { kind: 'invalid_input', retry: false }],
  ['UnknownParameter.SomethingNew', { kind: 'invalid_input', retry: false }],
  ['UnsupportedOperation.SomethingNew', { kind: 'permission', retry: false }],
  ['InternalError.SomethingNew', { kind: 'cloud', retry: true }],
  ['FailedOperation.SomethingNew', { kind: 'cloud', retry: false }],
  ['NobodyKnowsThis', { kind: 'cloud', retry: false }],
  ['', { kind: 'cloud', retry: false }],
];

const ivhUnlisted: Array<[string, Expected]> = [
  ['100004', { kind: 'invalid_input', retry: false }],
  ['100099', { kind: 'invalid_input', retry: false }],
  ['801599', { kind: 'cloud', retry: false }],
  ['802099', { kind: 'cloud', retry: false }],
  ['-101099', { kind: 'cloud', retry: false }],
  ['7', { kind: 'cloud', retry: false }],
  ['', { kind: 'cloud', retry: false }],
];

const dashscopeUnlisted: Array<[string, number | undefined, Expected]> = [
  ['InvalidFile.SomethingNew', 400, { kind: 'media', retry: false }],
  ['InvalidFile.SomethingNew', undefined, { kind: 'media', retry: false }],
  ['InvalidURL.SomethingNew', 400, { kind: 'media', retry: false }],
  ['InvalidParameter.SomethingNew', undefined, { kind: 'invalid_input', retry: false }],
  ['DataInspectionFailed.SomethingNew', undefined, { kind: 'moderation', retry: false }],
  ['Throttling.SomethingNew', 429, { kind: 'throttled', retry: true }],
  ['AccessDenied.SomethingNew', 403, { kind: 'permission', retry: false }],
  ['InternalError.SomethingNew', 500, { kind: 'cloud', retry: true }],
  ['NobodyKnowsThis', 400, { kind: 'invalid_input', retry: false }],
  ['NobodyKnowsThis', 401, { kind: 'credentials', retry: false }],
  ['NobodyKnowsThis', 403, { kind: 'permission', retry: false }],
  ['NobodyKnowsThis', 404, { kind: 'not_found', retry: false }],
  ['NobodyKnowsThis', 429, { kind: 'throttled', retry: true }],
  ['NobodyKnowsThis', 500, { kind: 'cloud', retry: true }],
  ['NobodyKnowsThis', undefined, { kind: 'cloud', retry: true }],
  ['', undefined, { kind: 'cloud', retry: true }],
];

describe('codes that no page lists', () => {
  it.each(vclmUnlisted)('VCLM %j by its prefix', (code, expected) => {
    expect(row(vclmErrors, code)).toBeUndefined();
    expect(unlistedVclmError(code)).toMatchObject(expected);
    expect(faults(code, unlistedVclmError(code))).toEqual([]);
  });

  it.each(ivhUnlisted)('IVH %j by its range', (code, expected) => {
    expect(row(ivhCallErrors, code) ?? row(ivhTaskErrors, code)).toBeUndefined();
    expect(unlistedIvhError(code)).toMatchObject(expected);
    expect(faults(code, unlistedIvhError(code))).toEqual([]);
  });

  it.each(dashscopeUnlisted)('DashScope %j at HTTP %s', (code, status, expected) => {
    expect(row(dashscopeErrors, code)).toBeUndefined();
    expect(unlistedDashscopeError(code, status)).toMatchObject(expected);
    expect(faults(code, unlistedDashscopeError(code, status))).toEqual([]);
  });

  // A code is a stranger's text: one that happens to be a property of every object is no row either.
  const inherited = ['constructor', 'toString', '__proto__', 'constructor.x'];
  const oneEach = operations.filter(
    ({ wire }, index) => operations.findIndex((other) => other.wire.cloud === wire.cloud) === index,
  );

  it.each(oneEach)('$wire.cloud: names that every object inherits are unlisted codes', async ({ wire }) => {
    const found: string[] = [];
    for (const code of inherited) {
      const replies = {
        vclm: { Response: { Error: { Code: code, Message: 'm' }, RequestId: 'r' } },
        vclm_intl: { Response: { Error: { Code: code, Message: 'm' }, RequestId: 'r' } },
        ivh: { Header: { Code: code, Message: 'm', RequestID: 'r' } },
        dashscope: { code, message: 'm', request_id: 'r' },
      };
      const status = wire.cloud === 'dashscope' ? 400 : 200;
      const { connection } = connected(wire.cloud, status, replies[wire.cloud]);
      const failure: unknown = await connection.submit(wire, {}).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Failure);
      const { kind, retryable, advice } = failure as Failure;
      found.push(...faults(code, { kind, retry: retryable, advice }));
    }
    expect(found).toEqual([]);
  });
});
