import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Finding, runChecks } from '../../src/cli/doctor-checks.ts';
import { cloudCheck } from '../../src/cli/doctor-clouds.ts';
import { misplaced, otherDashscopeRegion, otherIvhSite, otherPlaces } from '../../src/cli/doctor-sites.ts';
import { operations } from '../../src/clouds/index.ts';
import { readConfig } from '../../src/config.ts';
import { type EmulatorProcess, runCommand, scratch, startEmulator } from '../harness/processes.ts';
import { openSession } from '../harness/sessions.ts';
import { closedPort } from '../media/loopback.ts';
import { ObjectStore } from '../media/object-store.ts';

const vclm = 'Tencent VCLM: keys';
const vclmIntl = 'Tencent VCLM (international): keys';
const ivh = 'Tencent AI Digital Human (IVH): keys';
const dashscope = 'Alibaba DashScope: keys';
const keyLines = [vclm, vclmIntl, ivh, dashscope];
const clockLines = keyLines.map((line) => line.replace('keys', 'clock'));
const machineLines = [
  'node',
  'sqlite',
  'data directory',
  'job file',
  'output directory',
  'media directory',
  'ffmpeg',
  'bucket',
];

interface Report {
  readonly code: number | null;
  readonly ok: boolean;
  readonly lines: Map<string, Finding>;
  readonly text: string;
}

let emulator: EmulatorProcess;
let other: EmulatorProcess;
let place: Awaited<ReturnType<typeof scratch>>;

beforeAll(async () => {
  [emulator, other] = await Promise.all([startEmulator(), startEmulator(60, ['--site', 'intl'])]);
  place = await scratch();
});
afterAll(async () => {
  await Promise.all([emulator.stop(), other.stop()]);
  await place.remove();
});
beforeEach(() => Promise.all([emulator.reset(), other.reset()]));

const directories = (name = 'plain') => [
  '--data-dir',
  join(place.path, name, 'data'),
  '--output-dir',
  join(place.path, name, 'output'),
  '--media-dirs',
  place.path,
];

/** Runs the doctor for machines, and sees to it that no key is in what it says. */
async function doctor(environment: Record<string, string>, args = directories()): Promise<Report> {
  const { code, stdout, stderr } = await runCommand(['doctor', '--json', ...args], environment);
  const secrets = Object.entries(environment).filter(([name]) => /KEY|TOKEN|SECRET/.test(name));
  for (const [, secret] of secrets) expect(stdout + stderr).not.toContain(secret);
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Finding[] };
  return { code, ok, lines: new Map(checks.map((finding) => [finding.check, finding])), text: stdout };
}

const verdicts = ({ lines }: Report, names: readonly string[]) =>
  names.map((name) => lines.get(name)?.verdict ?? 'absent');

describe('doctor', () => {
  it('finds everything right where it is, at no cost, and says so with 0', async () => {
    const report = await doctor(emulator.environment);
    expect([report.code, report.ok], report.text).toEqual([0, true]);
    expect([...report.lines.keys()].toSorted()).toEqual(
      [...machineLines, ...keyLines, ...clockLines].toSorted(),
    );
    expect(new Set(verdicts(report, [...keyLines, ...clockLines]))).toEqual(new Set(['ok']));
    expect(report.lines.get('bucket')?.verdict).toBe('skipped');
    expect(await emulator.requests()).toMatchObject({ submit: 0, query: 4 });
  });

  it('is a table for people, without a key', async () => {
    const { code, stdout, stderr } = await runCommand(['doctor', ...directories()], emulator.environment);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of [...machineLines, ...keyLines, ...clockLines])
      expect(stdout).toMatch(new RegExp(`^(ok|-) +${name.replaceAll(/[()]/g, '\\$&')} +\\S`, 'm'));
    expect(stdout).toMatch(/\nAll right\.\n$/);
    for (const value of Object.values(emulator.environment).filter(
      (each) => each.length > 20 && !each.includes('/'),
    ))
      expect(stdout).not.toContain(value);
  });

  it('tells which keys are wrong, and which variable to look at', async () => {
    const wrong = {
      ...emulator.environment,
      TENCENTCLOUD_SECRET_KEY: 'wrong-secret-key',
      IVH_ACCESS_TOKEN: 'wrong-access-token',
      DASHSCOPE_API_KEY: 'wrong-api-key',
    };
    const report = await doctor(wrong);
    expect([report.code, report.ok]).toEqual([1, false]);
    expect(verdicts(report, keyLines)).toEqual(['failed', 'failed', 'failed', 'failed']);
    expect(verdicts(report, clockLines)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(report.lines.get(vclm)?.detail).toContain('AuthFailure.SignatureFailure');
    expect(report.lines.get(vclm)?.mend).toContain('TENCENTCLOUD_SECRET_KEY');
    expect(report.lines.get(ivh)?.detail).toContain('signature does not match');
    expect(report.lines.get(ivh)?.mend).toMatch(/IVH_ACCESS_TOKEN.*IVH_SITE/);
    expect(report.lines.get(dashscope)?.detail).toContain('InvalidApiKey');
    expect(report.lines.get(dashscope)?.mend).toMatch(/DASHSCOPE_API_KEY.*Beijing/);
    const unknown = await doctor({ ...emulator.environment, TENCENTCLOUD_SECRET_ID: 'AKIDunknown-key-id' });
    expect(verdicts(unknown, keyLines)).toEqual(['failed', 'failed', 'ok', 'ok']);
    expect(unknown.lines.get(vclm)?.mend).toContain('TENCENTCLOUD_SECRET_ID');
  });

  it('names keys of the international account at the domestic host, and the other way round', async () => {
    const keys = (from: EmulatorProcess, prefix: string) => ({
      [`${prefix}_SECRET_ID`]: from.environment.TENCENTCLOUD_SECRET_ID ?? '',
      [`${prefix}_SECRET_KEY`]: from.environment.TENCENTCLOUD_SECRET_KEY ?? '',
    });
    const addresses = { DIGITAL_HUMAN_VCLM_URL: emulator.url, DIGITAL_HUMAN_VCLM_INTL_URL: other.url };
    const international = await doctor({ ...keys(other, 'TENCENTCLOUD'), ...addresses });
    expect(verdicts(international, [vclm, vclmIntl, ivh, dashscope])).toEqual([
      'failed',
      'ok',
      'skipped',
      'skipped',
    ]);
    expect(international.lines.get(vclm)?.detail).toContain('belong to an international account');
    expect(international.lines.get(vclm)?.mend).toContain('TENCENTCLOUD_INTL_SECRET_ID');
    const swapped = { ...keys(other, 'TENCENTCLOUD'), ...keys(emulator, 'TENCENTCLOUD_INTL'), ...addresses };
    const both = await doctor(swapped);
    expect(verdicts(both, [vclm, vclmIntl])).toEqual(['failed', 'failed']);
    expect(both.lines.get(vclmIntl)?.detail).toContain('belong to a domestic account');
    const right = { ...keys(emulator, 'TENCENTCLOUD'), ...keys(other, 'TENCENTCLOUD_INTL'), ...addresses };
    expect((await doctor(right)).code).toBe(0);
  });

  it('asks nobody else where an address was pointed elsewhere, and still names the site', async () => {
    const swapped = {
      IVH_APP_KEY: other.environment.IVH_APP_KEY ?? '',
      IVH_ACCESS_TOKEN: other.environment.IVH_ACCESS_TOKEN ?? '',
      DIGITAL_HUMAN_IVH_URL: emulator.url,
    };
    const report = await doctor(swapped);
    expect(report.code).toBe(1);
    expect(report.lines.get(ivh)?.mend).toContain('check IVH_SITE');
    expect(await other.requests()).toMatchObject({ query: 0 });
  });

  it.each([
    [3600, 'failed', '60m behind'],
    [-7200, 'failed', '2h ahead'],
    [120, 'warning', '2m behind'],
    [5, 'ok', 'the same time'],
  ])(
    'finds a clock that differs by %i s, and the keys right all the same',
    async (offset, verdict, words) => {
      await emulator.fault({ call: 'query', fault: 'clock', offset_seconds: offset });
      const report = await doctor(emulator.environment);
      expect(new Set(verdicts(report, clockLines))).toEqual(new Set([verdict]));
      for (const name of clockLines) expect(report.lines.get(name)?.detail).toContain(words);
      expect(verdicts(report, keyLines)).toEqual(['ok', 'ok', 'ok', 'ok']);
      expect(report.code).toBe(verdict === 'failed' ? 1 : 0);
    },
  );

  it('says of a port where nobody listens that there is no answer, and no time', async () => {
    const closed = `http://127.0.0.1:${await closedPort()}`;
    const report = await doctor({ ...emulator.environment, DIGITAL_HUMAN_DASHSCOPE_URL: closed });
    expect(report.code).toBe(1);
    expect(report.lines.get(dashscope)).toMatchObject({
      verdict: 'failed',
      detail: expect.stringContaining('ECONNREFUSED'),
      mend: expect.stringContaining('Check the network'),
    });
    expect(verdicts(report, [dashscope.replace('keys', 'clock'), ivh])).toEqual(['skipped', 'ok']);
  });

  it('does not take a refusal that it does not know for right keys', async () => {
    await emulator.fault({ call: 'query', fault: 'refuse', code: '100077', times: 100 });
    const report = await doctor(emulator.environment);
    expect(report.lines.get(ivh)).toMatchObject({
      verdict: 'failed',
      detail: expect.stringContaining('could not be confirmed'),
    });
    await emulator.reset();
    await emulator.fault({ call: 'query', fault: 'server_error', times: 100 });
    expect((await doctor(emulator.environment)).lines.get(dashscope)?.detail).toContain('HTTP 500');
  });

  it.each([
    ['UnauthorizedOperation', 'CAM'],
    ['ResourceUnavailable.InArrears', 'arrears'],
    ['ActionOffline', 'withdrawn'],
    ['UnsupportedRegion', 'TENCENTCLOUD_REGION'],
  ])('passes on what VCLM says with %s', async (code, words) => {
    await emulator.fault({
      call: 'query',
      fault: 'refuse',
      code,
      times: 100,
      operation: 'SubmitPortraitSingJob',
    });
    const report = await doctor(emulator.environment);
    expect(report.lines.get(vclm)?.verdict, report.text).toBe('failed');
    expect(report.lines.get(vclm)?.mend).toContain(words);
    expect(report.lines.get(vclmIntl)?.verdict).toBe('ok');
  });

  it('waits 10 s for a cloud and no longer', async () => {
    await emulator.fault({
      call: 'query',
      fault: 'delay',
      ms: 600_000,
      times: 1,
      operation: 'SubmitPortraitSingJob',
    });
    const report = await doctor(emulator.environment);
    expect(report.lines.get(vclm)).toMatchObject({
      verdict: 'failed',
      detail: 'no answer within 10 s',
    });
    expect(verdicts(report, [vclmIntl, ivh, dashscope])).toEqual(['ok', 'ok', 'ok']);
  });

  it('looks at the job file as it is, and knows a newer one', async () => {
    const args = directories('used');
    const session = await openSession('modern', {
      args,
      environment: { DASHSCOPE_API_KEY: 'a-key-for-nobody' },
    });
    await session.call('list_jobs', {});
    await session.close();
    const report = await doctor(emulator.environment, args);
    expect(report.lines.get('job file')).toMatchObject({
      verdict: 'ok',
      detail: '0 job(s), schema 0001-jobs',
    });
    const file = join(place.path, 'used', 'data', 'jobs.sqlite');
    const { openSqlite } = await import('../../src/jobs/sqlite.ts');
    const { sql } = await import('kysely');
    const { kysely } = await openSqlite(file);
    await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '')`.execute(kysely);
    await kysely.destroy();
    expect((await doctor(emulator.environment, args)).lines.get('job file')).toMatchObject({
      verdict: 'failed',
      mend: expect.stringContaining('Update digital-human-mcp'),
    });
    // What was not yet written back would mend the file again.
    for (const suffix of ['-wal', '-shm']) await rm(file + suffix, { force: true });
    await writeFile(file, 'this is no database, and never was one. '.repeat(100));
    const damaged = await doctor(emulator.environment, args);
    expect(damaged.lines.get('job file')?.detail).toContain('is no job file, or is damaged');
    expect(damaged.code).toBe(1);
  });

  it('finds directories that cannot be used', async () => {
    const file = join(place.path, 'a-file');
    await writeFile(file, '');
    await mkdir(join(place.path, 'there'), { recursive: true });
    const args = ['--data-dir', join(file, 'data'), '--output-dir', join(file, 'output')];
    const media = `${join(place.path, 'there')}:${join(place.path, 'not-there')}:${file}`;
    const report = await doctor({ ...emulator.environment, DIGITAL_HUMAN_MEDIA_DIRS: media }, args);
    expect(report.code).toBe(1);
    expect(report.lines.get('data directory')?.mend).toContain('DIGITAL_HUMAN_DATA_DIR');
    expect(report.lines.get('output directory')?.mend).toContain('DIGITAL_HUMAN_OUTPUT_DIR');
    const { checks } = JSON.parse(report.text) as { checks: Finding[] };
    const media3 = checks.filter(({ check }) => check === 'media directory');
    expect(media3.map(({ verdict }) => verdict)).toEqual(['ok', 'failed', 'failed']);
    expect(media3[1]?.detail).toContain('not-there');
  });

  it('asks a bucket for what is not there', async () => {
    const store = await ObjectStore.start();
    const environment = {
      ...emulator.environment,
      DIGITAL_HUMAN_S3_ENDPOINT: store.url,
      DIGITAL_HUMAN_S3_REGION: 'cn-north-1',
      DIGITAL_HUMAN_S3_BUCKET: 'media',
      DIGITAL_HUMAN_S3_ADDRESSING: 'path',
      DIGITAL_HUMAN_S3_ACCESS_KEY_ID: 'the-key-id',
      DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY: store.secret,
    };
    const answers: unknown[] = [];
    for (const script of [
      [],
      [{ method: 'GET', status: 403, code: 'AccessDenied' }],
      [{ method: 'GET', status: 404, code: 'NoSuchBucket' }],
    ]) {
      store.script = script;
      answers.push((await doctor(environment)).lines.get('bucket')?.verdict);
    }
    expect(answers).toEqual(['ok', 'warning', 'failed']);
    const wrong = await doctor({ ...environment, DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY: 'a-wrong-secret' });
    expect(wrong.lines.get('bucket')?.mend).toContain('DIGITAL_HUMAN_S3_ACCESS_KEY_ID');
    expect(store.objects.size).toBe(0);
    expect(store.methods()).toEqual(['GET', 'GET', 'GET', 'GET']);
    await store.close();
  });

  it('needs no keys for the sandbox, but ffmpeg', async () => {
    const report = await doctor({}, [...directories('sandbox'), '--sandbox']);
    expect([report.code, report.ok], report.text).toEqual([0, true]);
    expect(verdicts(report, keyLines)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('says without any keys what to set, and ends with 1; with wrong settings it ends with 2', async () => {
    const report = await doctor({});
    expect([report.code, report.lines.get('clouds')?.verdict]).toEqual([1, 'failed']);
    expect(report.lines.get('clouds')?.mend).toMatch(/IVH_APP_KEY.*--sandbox/);
    const named = await doctor({}, [...directories(), '--clouds', 'ivh']);
    expect(verdicts(named, [ivh, vclm])).toEqual(['failed', 'skipped']);
    const half = await runCommand(['doctor', '--json'], { IVH_APP_KEY: 'only-half-of-a-pair' });
    expect([half.code, half.stdout]).toEqual([2, '']);
    expect(half.stderr).toContain('IVH_ACCESS_TOKEN');
    expect((await runCommand(['doctor', 'me'])).code).toBe(2);
  });
});

// The vendors' own addresses cannot be asked from a test: emulators stand at the places where doctor would look.
describe('keys that are at home elsewhere', () => {
  const question = (accounts: object) => ({ accounts, operations, now: Date.now });
  const at = (emulated: EmulatorProcess) => readConfig([], emulated.environment).config.accounts;

  it('are found at the other IVH site', async () => {
    const account = { ...at(other).ivh, url: emulator.url } as NonNullable<ReturnType<typeof at>['ivh']>;
    const places = [otherIvhSite(account, 'intl', other.url)];
    const [keys] = await runChecks([cloudCheck('ivh', question({ ivh: account }), places)]);
    expect(keys).toMatchObject({
      verdict: 'failed',
      detail: 'these keys belong to the intl site',
      mend: 'Set IVH_SITE to intl.',
    });
    const lost = { ...account, accessToken: 'a-token-of-nobody' };
    const nowhere = [otherIvhSite(lost, 'intl', other.url)];
    const [still] = await runChecks([cloudCheck('ivh', question({ ivh: lost }), nowhere)]);
    expect(still?.detail).toContain('not accepted');
  });

  it('are found in another DashScope region', async () => {
    const account = { ...at(other).dashscope, url: emulator.url } as NonNullable<
      ReturnType<typeof at>['dashscope']
    >;
    const places = [
      otherDashscopeRegion(account, 'the US', `http://127.0.0.1:${await closedPort()}`),
      otherDashscopeRegion(account, 'Singapore', other.url),
    ];
    const [keys] = await runChecks([cloudCheck('dashscope', question({ dashscope: account }), places)]);
    expect(keys?.detail).toContain('belongs to the region Singapore');
    expect(keys?.mend).toContain('Beijing');
  });

  const keys = {
    TENCENTCLOUD_SECRET_ID: 'a-key-id',
    TENCENTCLOUD_SECRET_KEY: 'a-key',
    IVH_APP_KEY: 'an-app-key',
    IVH_ACCESS_TOKEN: 'a-token',
    DASHSCOPE_API_KEY: 'an-api-key',
  };
  const configured = (environment: Record<string, string>) =>
    readConfig([], { ...keys, ...environment }).config;

  it('are looked for at their own vendor’s addresses only', () => {
    const usual = configured({});
    const hosts = (cloud: 'vclm' | 'vclm_intl' | 'ivh' | 'dashscope', config = usual) =>
      otherPlaces(cloud, config).map(({ accounts }) => new URL(Object.values(accounts)[0].url).host);
    expect(hosts('vclm')).toEqual(['vclm.intl.tencentcloudapi.com']);
    expect(hosts('vclm_intl')).toEqual(['vclm.tencentcloudapi.com']);
    expect(hosts('ivh')).toEqual(['gw-sg.tvs.qq.com']);
    expect(hosts('ivh', configured({ IVH_SITE: 'intl' }))).toEqual(['gw.tvs.qq.com']);
    expect(hosts('dashscope')).toHaveLength(3);
    const elsewhere = configured({
      DIGITAL_HUMAN_IVH_URL: 'http://127.0.0.1:9',
      DIGITAL_HUMAN_DASHSCOPE_URL: 'http://127.0.0.1:9',
    });
    expect([...hosts('ivh', elsewhere), ...hosts('dashscope', elsewhere)]).toEqual([]);
  });

  it.each([
    ['ivh', { IVH_SITE: 'cn', DIGITAL_HUMAN_IVH_URL: 'https://gw-sg.tvs.qq.com' }, 'IVH_SITE is cn'],
    ['ivh', { IVH_SITE: 'intl', DIGITAL_HUMAN_IVH_URL: 'https://gw.tvs.qq.com/' }, 'IVH_SITE is intl'],
    ['dashscope', { DIGITAL_HUMAN_DASHSCOPE_URL: 'https://dashscope-intl.aliyuncs.com/api/v1' }, 'Singapore'],
    ['vclm', { DIGITAL_HUMAN_VCLM_URL: 'https://vclm.intl.tencentcloudapi.com' }, 'portrait singing'],
    ['vclm_intl', { DIGITAL_HUMAN_VCLM_INTL_URL: 'https://vclm.tencentcloudapi.com' }, 'image animation'],
  ] as const)('%s: an address gives itself away', (cloud, environment, words) => {
    expect(misplaced(cloud, configured(environment))?.detail).toContain(words);
    expect(misplaced(cloud, configured({}))).toBeUndefined();
  });

  it('are not waited for without end', async () => {
    // It reads, so that it notices when the other side hangs up.
    const silent = createServer((socket) => void socket.resume());
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const check = cloudCheck('dashscope', question({ dashscope: { url, apiKey: 'k' } }), []);
    const [found] = await runChecks([check]);
    expect(found).toMatchObject({ verdict: 'failed', detail: 'no answer within 10 s' });
    await new Promise((done) => silent.close(done));
  });
});
