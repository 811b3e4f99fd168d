import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { settingFacts } from '../../src/settings.ts';
import { Failure } from '../../src/core/failure.ts';
import { longestLinkSeconds } from '../../src/media/presign.ts';

function faults(args: readonly string[], environment: Record<string, string>): Failure {
  try {
    readConfig(args, environment);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the configuration', () => {
  it('needs nothing', () => {
    const { config, rest } = readConfig([], {});
    expect(config).toMatchObject({
      accounts: {},
      site: 'cn',
      sandbox: false,
      speed: 1,
      listed: 'configured',
    });
    expect(rest).toEqual([]);
  });

  it('takes flags before the environment before defaults', () => {
    const environment = { DIGITAL_HUMAN_DATA_DIR: '/from/environment', DIGITAL_HUMAN_LOG_LEVEL: 'error' };
    const { config } = readConfig(['--data-dir', '/from/flag', '--sandbox'], environment);
    expect(config).toMatchObject({
      dataDirectory: join('/from/flag'),
      logLevel: 'error',
      sandbox: true,
      speed: 30,
    });
  });

  it.each(['', '  ', '${user_config.ivh_app_key}'])('counts %j as not set', (value) => {
    const { config } = readConfig([], {
      IVH_APP_KEY: value,
      IVH_ACCESS_TOKEN: value,
      DIGITAL_HUMAN_SANDBOX: value,
    });
    expect(config.accounts.ivh).toBeUndefined();
    expect(config.sandbox).toBe(false);
  });

  it('chooses the address of the IVH site, unless another is given', () => {
    const keys = { IVH_APP_KEY: 'a', IVH_ACCESS_TOKEN: 'b' };
    expect(readConfig([], keys).config.accounts.ivh?.url).toBe('https://gw.tvs.qq.com');
    expect(readConfig([], { ...keys, IVH_SITE: 'intl' }).config.accounts.ivh?.url).toBe(
      'https://gw-sg.tvs.qq.com',
    );
    const other = { ...keys, DIGITAL_HUMAN_IVH_URL: 'http://127.0.0.1:9' };
    expect(readConfig([], other).config.accounts.ivh?.url).toBe('http://127.0.0.1:9');
  });

  it('reports every fault at once, by name, without any secret', () => {
    const failure = faults(['--no-such-option', '--log-level'], {
      TENCENTCLOUD_SECRET_ID: 'AKIDsecretvalue',
      IVH_SITE: 'mars',
      DIGITAL_HUMAN_SANDBOX: 'perhaps',
      DIGITAL_HUMAN_SANDBOX_SPEED: '-3',
      DIGITAL_HUMAN_DASHSCOPE_URL: 'dashscope',
      DIGITAL_HUMAN_LANES: 'everything',
      DIGITAL_HUMAN_CALLBACK_SECRET: 'too-short',
      DIGITAL_HUMAN_JWT_ISSUER: 'http://issuer.example',
    });
    expect(failure.problems.map(({ field }) => field).toSorted()).toEqual([
      '--log-level',
      '--no-such-option',
      'DIGITAL_HUMAN_CALLBACK_SECRET',
      'DIGITAL_HUMAN_DASHSCOPE_URL',
      'DIGITAL_HUMAN_JWT_AUDIENCE',
      'DIGITAL_HUMAN_JWT_ISSUER',
      'DIGITAL_HUMAN_JWT_JWKS_URL',
      'DIGITAL_HUMAN_LANES',
      'DIGITAL_HUMAN_SANDBOX',
      'DIGITAL_HUMAN_SANDBOX_SPEED',
      'IVH_SITE',
      'TENCENTCLOUD_SECRET_KEY',
    ]);
    for (const secret of ['AKIDsecretvalue', 'too-short'])
      expect(JSON.stringify(failure.problems)).not.toContain(secret);
  });

  it('reads lane sizes', () => {
    const { config } = readConfig(['--lanes', 'ivh-video-no-training=6,vclm-portrait-sing=2'], {});
    expect(config.laneSizes).toEqual({ 'ivh-video-no-training': 6, 'vclm-portrait-sing': 2 });
  });

  it('reads local files below the home directory, or where it is told to', () => {
    expect(readConfig([], {}).config.mediaDirectories).toEqual([homedir()]);
    const list = ['/media/one', ' ', '', '/media/.two '].join(delimiter);
    const { config } = readConfig([], { DIGITAL_HUMAN_MEDIA_DIRS: list });
    expect(config.mediaDirectories).toEqual([join('/media/one'), join('/media/.two')]);
    expect(faults([], { DIGITAL_HUMAN_MEDIA_DIRS: delimiter }).problems).toHaveLength(1);
  });

  const bucket = {
    DIGITAL_HUMAN_S3_ENDPOINT: 'https://oss-cn-beijing.aliyuncs.com',
    DIGITAL_HUMAN_S3_REGION: 'cn-beijing',
    DIGITAL_HUMAN_S3_BUCKET: 'media',
    DIGITAL_HUMAN_S3_ACCESS_KEY_ID: 'the-key-id',
    DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY: 'the-secret-key',
  };

  it('takes a whole bucket', () => {
    const { config } = readConfig([], { ...bucket, DIGITAL_HUMAN_S3_SESSION_TOKEN: 'the-token' });
    expect(config.bucket).toEqual({
      endpoint: 'https://oss-cn-beijing.aliyuncs.com',
      region: 'cn-beijing',
      bucket: 'media',
      accessKeyId: 'the-key-id',
      secretAccessKey: 'the-secret-key',
      sessionToken: 'the-token',
      prefix: 'digital-human/',
      addressing: 'virtual',
      linkSeconds: longestLinkSeconds,
    });
    expect(config.secrets).toEqual(['the-key-id', 'the-secret-key', 'the-token']);
    expect(readConfig([], {}).config.bucket).toBeUndefined();
  });

  it.each(Object.keys(bucket))(
    'names %s when it alone is missing, and all others when it alone is set',
    (name) => {
      const without = faults([], { ...bucket, [name]: '' });
      expect(without.problems.map(({ field }) => field)).toEqual([name]);
      const alone = faults([], { [name]: bucket[name as keyof typeof bucket] });
      expect(alone.problems.map(({ field }) => field)).toEqual(
        Object.keys(bucket).filter((other) => other !== name),
      );
      expect(JSON.stringify([without.problems, alone.problems])).not.toMatch(/the-key-id|the-secret-key/);
    },
  );

  it.each([
    ['DIGITAL_HUMAN_S3_ENDPOINT', 's3.example.com'],
    ['DIGITAL_HUMAN_S3_ENDPOINT', 'https://s3.example.com/?a=b'],
    ['DIGITAL_HUMAN_S3_ENDPOINT', 'https://user@s3.example.com'],
    ['DIGITAL_HUMAN_S3_BUCKET', 'media/other'],
    ['DIGITAL_HUMAN_S3_PREFIX', '../'],
    ['DIGITAL_HUMAN_S3_PREFIX', '/media/'],
    ['DIGITAL_HUMAN_S3_PREFIX', 'media'],
    ['DIGITAL_HUMAN_S3_ADDRESSING', 'host'],
  ])('refuses %s=%s', (name, value) => {
    expect(faults([], { ...bucket, [name]: value }).problems.map(({ field }) => field)).toEqual([name]);
  });

  it('describes every setting, and offers no flag for a secret', () => {
    expect(settingFacts).toHaveLength(56);
    for (const { description } of settingFacts) expect(description.length).toBeGreaterThan(10);
    const flagless = settingFacts
      .filter(({ flag }) => flag === undefined)
      .map(({ environment }) => environment);
    expect(flagless).toEqual([
      'TENCENTCLOUD_SECRET_ID',
      'TENCENTCLOUD_SECRET_KEY',
      'TENCENTCLOUD_TOKEN',
      'TENCENTCLOUD_INTL_SECRET_ID',
      'TENCENTCLOUD_INTL_SECRET_KEY',
      'TENCENTCLOUD_INTL_TOKEN',
      'IVH_APP_KEY',
      'IVH_ACCESS_TOKEN',
      'DASHSCOPE_API_KEY',
      'DIGITAL_HUMAN_DATABASE_URL',
      'DIGITAL_HUMAN_S3_ACCESS_KEY_ID',
      'DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY',
      'DIGITAL_HUMAN_S3_SESSION_TOKEN',
      'DIGITAL_HUMAN_CALLBACK_SECRET',
    ]);
  });
});
