import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { Accounts } from './clouds/accounts.ts';
import { Failure, foreignText, type Problem } from './core/failure.ts';
import { type Cloud, clouds, type Site } from './core/operation.ts';
import { logLevels } from './log.ts';

function dataDirectory(): string {
  if (process.platform === 'win32')
    return join(process.env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'digital-human-mcp');
  if (process.platform === 'darwin')
    return join(homedir(), 'Library', 'Application Support', 'digital-human-mcp');
  return join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'digital-human-mcp');
}

const secret = (description: string) => z.string().optional().meta({ description, secret: true });
const address = (fallback: string, description: string) =>
  z
    .string()
    .refine(
      (value) => /^https?:\/\/[^/]/.test(value) && URL.canParse(value),
      'must be an http:// or https:// address',
    )
    .default(fallback)
    .describe(description);
const flag = (description: string) =>
  z
    .enum(['true', 'false', 'on', 'off', 'yes', 'no', '1', '0'])
    .default('off')
    .transform((value) => ['true', 'on', 'yes', '1'].includes(value))
    .meta({ description, toggle: true });
const cloudNames = Object.keys(clouds) as Cloud[];

/** Every setting, under the name of its environment variable. The README's table is generated from this. */
const settings = z.object({
  TENCENTCLOUD_SECRET_ID: secret('Tencent Cloud API key id, for VCLM.'),
  TENCENTCLOUD_SECRET_KEY: secret('Tencent Cloud API key, for VCLM.'),
  TENCENTCLOUD_TOKEN: secret('Session token, with temporary Tencent Cloud keys only.'),
  TENCENTCLOUD_REGION: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('ap-guangzhou')
    .describe('Region sent to VCLM.'),
  IVH_APP_KEY: secret('App key of Tencent AI Digital Human (IVH).'),
  IVH_ACCESS_TOKEN: secret('Access token of Tencent AI Digital Human (IVH).'),
  IVH_SITE: z
    .enum(['cn', 'intl'])
    .default('cn')
    .describe('Site of the IVH account: its pages’ fields and limits hold.'),
  DASHSCOPE_API_KEY: secret('Model Studio key of the Beijing region, for VideoRetalk.'),
  DIGITAL_HUMAN_SANDBOX: flag('Run against a built-in emulator: no keys, no cost, marked results.'),
  DIGITAL_HUMAN_SANDBOX_SPEED: z.coerce
    .number()
    .min(0.1)
    .max(10_000)
    .optional()
    .describe(
      'How many times faster than real time the sandbox runs (by default 30), or an emulator that the addresses point at (by default 1).',
    ),
  DIGITAL_HUMAN_CLOUDS: z
    .string()
    .refine(
      (value) =>
        value === 'configured' ||
        value === 'all' ||
        value.split(',').every((name) => cloudNames.includes(name as Cloud)),
      `must be "configured", "all", or names of ${cloudNames.join(', ')}`,
    )
    .default('configured')
    .describe(
      'Whose tools are listed: `configured` (all of them while none is), `all`, or names separated by commas.',
    ),
  DIGITAL_HUMAN_DATA_DIR: z
    .string()
    .default(dataDirectory)
    .describe('Where the job file is kept; by default the platform’s directory for application data.'),
  DIGITAL_HUMAN_OUTPUT_DIR: z
    .string()
    .default(() => join(homedir(), 'digital-human'))
    .describe('Where results are downloaded to; by default `digital-human` in the home directory.'),
  DIGITAL_HUMAN_LANES: z
    .string()
    .regex(
      /^([a-z-]+=[1-9]\d{0,3})(,[a-z-]+=[1-9]\d{0,3})*$/,
      'must look like ivh-video-no-training=6,vclm-portrait-sing=2',
    )
    .optional()
    .describe('Jobs that the account may run at once, by lane, where it differs from the default.'),
  DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: flag('Permit downloads from private and loopback addresses.'),
  DIGITAL_HUMAN_LOG_LEVEL: z
    .enum(logLevels)
    .default('info')
    .describe('Least severity written to standard error.'),
  DIGITAL_HUMAN_VCLM_URL: address('https://vclm.tencentcloudapi.com', 'Address of VCLM.'),
  DIGITAL_HUMAN_IVH_URL: z
    .string()
    .refine(
      (value) => /^https?:\/\/[^/]/.test(value) && URL.canParse(value),
      'must be an http:// or https:// address',
    )
    .optional()
    .describe('Address of IVH; by default that of its site.'),
  DIGITAL_HUMAN_DASHSCOPE_URL: address('https://dashscope.aliyuncs.com/api/v1', 'Address of DashScope.'),
});

const ivhAddresses: Readonly<Record<Site, string>> = {
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
  readonly outputDirectory: string;
  readonly laneSizes: Readonly<Record<string, number>>;
  readonly allowPrivateAddresses: boolean;
  readonly logLevel: (typeof logLevels)[number];
  /** To be kept out of every log line. */
  readonly secrets: readonly string[];
}

interface SettingFacts {
  readonly environment: string;
  /** Absent for secrets: arguments show in process lists. */
  readonly flag?: string;
  readonly toggle: boolean;
  readonly description: string;
}

/** What is to be said about every setting, for the argument parser and the README. */
export const settingFacts: readonly SettingFacts[] = Object.entries(settings.shape).map(
  ([environment, schema]) => {
    const meta = schema.meta() as { secret?: boolean; toggle?: boolean; description?: string } | undefined;
    const flagName = environment
      .replace(/^DIGITAL_HUMAN_/, '')
      .toLowerCase()
      .replaceAll('_', '-');
    return {
      environment,
      flag: meta?.secret ? undefined : flagName,
      toggle: meta?.toggle ?? false,
      description: meta?.description ?? schema.description ?? '',
    };
  },
);

/** The default of a setting as the README says it; undefined for what has none or depends on the machine. */
export function settingDefault(environment: string): string | undefined {
  const schema: z.ZodType | undefined = settings.shape[environment as keyof typeof settings.shape];
  if (!schema || environment.endsWith('_DIR')) return undefined;
  const { default: fallback } = z.toJSONSchema(schema, { io: 'input' }) as { default?: unknown };
  return fallback === undefined ? undefined : JSON.stringify(fallback).replaceAll('"', '');
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
  const parsed = settings.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) {
    const field = String(issue.path[0]);
    problems.push({
      field,
      value: foreignText(values[field], 60),
      limit: issue.message,
      mend: 'See the README.',
    });
  }
  problems.push(...pairProblems(values));
  if (!parsed.success || problems.length > 0)
    throw new Failure({
      kind: 'invalid_input',
      message: `The configuration has ${problems.length} fault(s).`,
      advice: 'Mend every setting named here and start again.',
      problems,
    });
  return { config: assemble(parsed.data), rest };
}

function assemble(values: z.output<typeof settings>): Config {
  const { TENCENTCLOUD_SECRET_ID: secretId, TENCENTCLOUD_SECRET_KEY: secretKey } = values;
  const {
    IVH_APP_KEY: appKey,
    IVH_ACCESS_TOKEN: accessToken,
    DASHSCOPE_API_KEY: apiKey,
    IVH_SITE: site,
  } = values;
  const vclm = secretId &&
    secretKey && {
      url: values.DIGITAL_HUMAN_VCLM_URL,
      secretId,
      secretKey,
      token: values.TENCENTCLOUD_TOKEN,
      region: values.TENCENTCLOUD_REGION,
    };
  const ivh = appKey &&
    accessToken && { url: values.DIGITAL_HUMAN_IVH_URL ?? ivhAddresses[site], appKey, accessToken };
  const dashscope = apiKey && { url: values.DIGITAL_HUMAN_DASHSCOPE_URL, apiKey };
  const listed = values.DIGITAL_HUMAN_CLOUDS;
  const lanes = values.DIGITAL_HUMAN_LANES?.split(',').map((lane) => lane.split('=')) ?? [];
  return {
    accounts: { ...(vclm && { vclm }), ...(ivh && { ivh }), ...(dashscope && { dashscope }) },
    site,
    sandbox: values.DIGITAL_HUMAN_SANDBOX,
    speed: values.DIGITAL_HUMAN_SANDBOX_SPEED ?? (values.DIGITAL_HUMAN_SANDBOX ? 30 : 1),
    listed: listed === 'configured' || listed === 'all' ? listed : (listed.split(',') as Cloud[]),
    dataDirectory: resolve(values.DIGITAL_HUMAN_DATA_DIR),
    outputDirectory: resolve(values.DIGITAL_HUMAN_OUTPUT_DIR),
    laneSizes: Object.fromEntries(lanes.map(([name, size]) => [name, Number(size)])),
    allowPrivateAddresses: values.DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES,
    logLevel: values.DIGITAL_HUMAN_LOG_LEVEL,
    secrets: [secretId, secretKey, values.TENCENTCLOUD_TOKEN, appKey, accessToken, apiKey].filter(
      (value): value is string => value !== undefined && value.length >= 6,
    ),
  };
}
