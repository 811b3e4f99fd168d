import { homedir } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type * as z from 'zod';
import type { Accounts } from './clouds/accounts.ts';
import { Failure, foreignText, type Problem } from './core/failure.ts';
import type { Cloud, Site } from './core/operation.ts';
import { type HttpConfig, httpConfig, jwtProblems } from './http-settings.ts';
import type { logLevels } from './log.ts';
import { type BucketSettings, longestLinkSeconds } from './media/presign.ts';
import { settingFacts, settings } from './settings.ts';

/** Where each site of IVH is. */
export const ivhAddresses: Readonly<Record<Site, string>> = {
  cn: 'https://gw.tvs.qq.com',
  intl: 'https://gw-sg.tvs.qq.com',
};

export interface Config {
  readonly accounts: Accounts;
  readonly site: Site;
  readonly sandbox: boolean;
  /** How much faster than real time the clouds run: 1 unless they are emulated. */
  readonly speed: number;
  readonly listed: 'configured' | 'all' | readonly Cloud[];
  readonly dataDirectory: string;
  /** Where the jobs are, if not in a file of the data directory. */
  readonly databaseUrl?: string;
  readonly outputDirectory: string;
  /** Where local files may be read. */
  readonly mediaDirectories: readonly string[];
  readonly bucket?: BucketSettings;
  readonly download: 'auto' | 'off';
  readonly laneSizes: Readonly<Record<string, number>>;
  /** Longest wait for a cloud to begin its answer. */
  readonly cloudTimeoutMs: number;
  /** Whether files are opened and checked before a submission. */
  readonly preflight: boolean;
  readonly keepDays: number;
  readonly allowPrivateAddresses: boolean;
  readonly logLevel: (typeof logLevels)[number];
  readonly http: HttpConfig;
  /** To be kept out of every log line. */
  readonly secrets: readonly string[];
}

/** Empty values and placeholders that a host left unfilled count as not set. */
function given(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return !trimmed || /^\$\{[^}]*\}$/.test(trimmed) ? undefined : trimmed;
}

function readFlags(args: readonly string[]): {
  values: Record<string, string>;
  rest: string[];
  problems: Problem[];
} {
  const options = Object.fromEntries(
    settingFacts
      .filter((fact) => fact.flag)
      .map((fact) => [fact.flag ?? '', { type: fact.toggle ? 'boolean' : 'string' } as const]),
  );
  const parsed = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const problems: Problem[] = [];
  const values: Record<string, string> = {};
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    const fact = settingFacts.find((candidate) => candidate.flag === token.name);
    if (!fact)
      problems.push({
        field: foreignText(token.rawName, 60),
        limit: 'is no known option',
        mend: 'See --help.',
      });
    else if (!fact.toggle && token.value === undefined)
      problems.push({ field: token.rawName, limit: 'needs a value', mend: `Write ${token.rawName}=VALUE.` });
    else values[fact.environment] = token.value ?? 'on';
  }
  return { values, rest: parsed.positionals, problems };
}

/** Half a pair of keys is a mistake, not an account. */
function pairProblems(values: Readonly<Record<string, string | undefined>>): Problem[] {
  const pairs = [
    ['TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY'],
    ['TENCENTCLOUD_INTL_SECRET_ID', 'TENCENTCLOUD_INTL_SECRET_KEY'],
    ['IVH_APP_KEY', 'IVH_ACCESS_TOKEN'],
  ] as const;
  return pairs.flatMap(([first, second]) =>
    Boolean(values[first]) === Boolean(values[second])
      ? []
      : [
          {
            field: values[first] ? second : first,
            limit: `is needed together with ${values[first] ? first : second}`,
            mend: 'Set both or neither.',
          },
        ],
  );
}

/** What a bucket cannot do without; whoever sets one of these means to set all. */
const bucketSettings = [
  'DIGITAL_HUMAN_S3_ENDPOINT',
  'DIGITAL_HUMAN_S3_REGION',
  'DIGITAL_HUMAN_S3_BUCKET',
  'DIGITAL_HUMAN_S3_ACCESS_KEY_ID',
  'DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY',
] as const;

function bucketProblems(values: Readonly<Record<string, string | undefined>>): Problem[] {
  const first = [...bucketSettings, 'DIGITAL_HUMAN_S3_SESSION_TOKEN'].find((name) => values[name]);
  if (!first) return [];
  return bucketSettings
    .filter((name) => !values[name])
    .map((field) => ({
      field,
      limit: `is needed together with ${first}`,
      mend: 'Set all five of the bucket (endpoint, region, name, two keys) or none.',
    }));
}

/**
 * Reads the settings: flags over environment over defaults. Throws one `Failure` that lists every fault;
 * values are shown except those of secrets.
 *
 * @returns the configuration, and the arguments that are no flags.
 */
export function readConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { config: Config; rest: string[] } {
  const { values: flags, rest, problems } = readFlags(args);
  const values: Record<string, string | undefined> = {};
  for (const { environment: name } of settingFacts)
    values[name] = given(flags[name]) ?? given(environment[name]);
  // One by one: for the whole object zod would first compile a parser, which costs a start more than it saves.
  const read: Record<string, unknown> = {};
  for (const { environment: field, flag } of settingFacts) {
    const parsed = settings.shape[field as keyof typeof settings.shape].safeParse(values[field]);
    read[field] = parsed.data;
    // A secret has no flag; what it holds is not shown, however wrong.
    for (const { message } of parsed.error?.issues ?? [])
      problems.push({
        field,
        value: flag ? foreignText(values[field], 60) : undefined,
        limit: message,
        mend: 'See the README.',
      });
  }
  problems.push(...pairProblems(values), ...bucketProblems(values), ...jwtProblems(values));
  if (problems.length > 0)
    throw new Failure({
      kind: 'invalid_input',
      message: `The configuration has ${problems.length} fault(s).`,
      advice: 'Mend every setting named here and start again.',
      problems,
    });
  return { config: assemble(read as z.output<typeof settings>), rest };
}

/** Image animation has its own host, and its own account where one is given. */
function vclmAccounts(values: z.output<typeof settings>): Pick<Accounts, 'vclm' | 'vclm_intl'> {
  const { TENCENTCLOUD_SECRET_ID: id, TENCENTCLOUD_SECRET_KEY: key, TENCENTCLOUD_TOKEN: token } = values;
  const { TENCENTCLOUD_INTL_SECRET_ID: intlId, TENCENTCLOUD_INTL_SECRET_KEY: intlKey } = values;
  const region = values.TENCENTCLOUD_REGION;
  const common = id && key ? { secretId: id, secretKey: key, token, region } : undefined;
  const own =
    intlId && intlKey
      ? { secretId: intlId, secretKey: intlKey, token: values.TENCENTCLOUD_INTL_TOKEN, region }
      : common;
  return {
    ...(common && { vclm: { ...common, url: values.DIGITAL_HUMAN_VCLM_URL } }),
    ...(own && { vclm_intl: { ...own, url: values.DIGITAL_HUMAN_VCLM_INTL_URL } }),
  };
}

function bucketOf(values: z.output<typeof settings>): BucketSettings | undefined {
  const [endpoint, region, bucket, accessKeyId, secretAccessKey] = bucketSettings.map((name) => values[name]);
  if (!endpoint || !region || !bucket || !accessKeyId || !secretAccessKey) return undefined;
  return {
    endpoint,
    region,
    bucket,
    accessKeyId,
    secretAccessKey,
    sessionToken: values.DIGITAL_HUMAN_S3_SESSION_TOKEN,
    prefix: values.DIGITAL_HUMAN_S3_PREFIX,
    addressing: values.DIGITAL_HUMAN_S3_ADDRESSING,
    linkSeconds: longestLinkSeconds,
  };
}

function directoriesOf(list: string | undefined): string[] {
  const named = list?.split(delimiter).filter((directory) => directory.trim() !== '');
  return (named ?? [homedir()]).map((directory) => resolve(directory.trim()));
}

/** The password of an address, as it stands there and as it is meant: errors of libraries quote either. */
function passwordsIn(address: string | undefined): string[] {
  const password = address && new URL(address).password;
  return password ? [password, decodeURIComponent(password)] : [];
}

function assemble(values: z.output<typeof settings>): Config {
  const {
    IVH_APP_KEY: appKey,
    IVH_ACCESS_TOKEN: accessToken,
    DASHSCOPE_API_KEY: apiKey,
    IVH_SITE: site,
  } = values;
  const ivh = appKey &&
    accessToken && { url: values.DIGITAL_HUMAN_IVH_URL ?? ivhAddresses[site], appKey, accessToken };
  const dashscope = apiKey && { url: values.DIGITAL_HUMAN_DASHSCOPE_URL, apiKey };
  const listed = values.DIGITAL_HUMAN_CLOUDS;
  const bucket = bucketOf(values);
  const lanes = values.DIGITAL_HUMAN_LANES?.split(',').map((lane) => lane.split('=')) ?? [];
  return {
    accounts: { ...vclmAccounts(values), ...(ivh && { ivh }), ...(dashscope && { dashscope }) },
    site,
    sandbox: values.DIGITAL_HUMAN_SANDBOX,
    speed: values.DIGITAL_HUMAN_SANDBOX_SPEED ?? (values.DIGITAL_HUMAN_SANDBOX ? 30 : 1),
    listed: listed === 'configured' || listed === 'all' ? listed : (listed.split(',') as Cloud[]),
    dataDirectory: resolve(values.DIGITAL_HUMAN_DATA_DIR),
    databaseUrl: values.DIGITAL_HUMAN_SANDBOX ? undefined : values.DIGITAL_HUMAN_DATABASE_URL,
    outputDirectory: resolve(values.DIGITAL_HUMAN_OUTPUT_DIR),
    mediaDirectories: directoriesOf(values.DIGITAL_HUMAN_MEDIA_DIRS),
    ...(bucket && { bucket }),
    download: values.DIGITAL_HUMAN_DOWNLOAD,
    laneSizes: Object.fromEntries(lanes.map(([name, size]) => [name, Number(size)])),
    cloudTimeoutMs: Math.round(values.DIGITAL_HUMAN_CLOUD_TIMEOUT_SECONDS * 1000),
    preflight: values.DIGITAL_HUMAN_PREFLIGHT === 'on',
    keepDays: values.DIGITAL_HUMAN_KEEP_DAYS,
    allowPrivateAddresses: values.DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES,
    logLevel: values.DIGITAL_HUMAN_LOG_LEVEL,
    http: httpConfig(values),
    secrets: settingFacts
      .filter(({ flag: shown }) => shown === undefined)
      .map(({ environment }) => values[environment as keyof typeof values])
      .concat(passwordsIn(values.DIGITAL_HUMAN_DATABASE_URL))
      .filter((value): value is string => typeof value === 'string' && value.length >= 6),
  };
}
