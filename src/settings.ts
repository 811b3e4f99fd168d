import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import * as z from 'zod';
import { type Cloud, clouds } from './core/operation.ts';
import { httpSettings } from './http-settings.ts';
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
export const settings = z.object({
  TENCENTCLOUD_SECRET_ID: secret('Tencent Cloud API key id, for VCLM.'),
  TENCENTCLOUD_SECRET_KEY: secret('Tencent Cloud API key, for VCLM.'),
  TENCENTCLOUD_TOKEN: secret('Session token, with temporary Tencent Cloud keys only.'),
  TENCENTCLOUD_INTL_SECRET_ID: secret(
    'API key id of an international Tencent Cloud account, for image animation; else the common key.',
  ),
  TENCENTCLOUD_INTL_SECRET_KEY: secret('API key of that account.'),
  TENCENTCLOUD_INTL_TOKEN: secret('Session token, with temporary keys of that account only.'),
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
  DIGITAL_HUMAN_DATABASE_URL: z
    .string()
    .refine(
      (value) => /^postgres(ql)?:\/\//.test(value) && URL.canParse(value) && !/%(?![0-9a-f]{2})/i.test(value),
      'must look like postgres://user:password@host/database',
    )
    .optional()
    .meta({
      description:
        'PostgreSQL database in the place of the job file, `postgres://user:password@host/database`: several servers then share the work. The sandbox keeps its file.',
      secret: true,
    }),
  DIGITAL_HUMAN_MEDIA_DIRS: z
    .string()
    .refine(
      (value) => value.split(delimiter).some((directory) => directory.trim() !== ''),
      'must name a directory',
    )
    .optional()
    .describe(
      'Directories whose files may be read as input, separated as in PATH; by default the home directory without its hidden folders. Callers over HTTP have no files here.',
    ),
  DIGITAL_HUMAN_S3_ENDPOINT: z
    .string()
    .refine(
      (value) => /^https?:\/\/[^/]/.test(value) && URL.canParse(value) && !/[?#@]/.test(value),
      'must be an http:// or https:// address without a query',
    )
    .optional()
    .describe(
      'Address of an S3-compatible store (OSS, COS, S3, R2, MinIO), without the bucket: local files reach the clouds through it, and over HTTP results are copied there.',
    ),
  DIGITAL_HUMAN_S3_REGION: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/)
    .optional()
    .describe('Region of the store, as its signatures want it; `auto` for R2.'),
  DIGITAL_HUMAN_S3_BUCKET: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/, 'must be the name of a bucket')
    .optional()
    .describe('Bucket, with no public access: what is put there is read by links that expire.'),
  DIGITAL_HUMAN_S3_ACCESS_KEY_ID: secret('Key id that may get and put objects in the bucket.'),
  DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY: secret('Secret key of that id.'),
  DIGITAL_HUMAN_S3_SESSION_TOKEN: secret(
    'Session token, with temporary keys only: links die with it, whatever their own life.',
  ),
  DIGITAL_HUMAN_S3_PREFIX: z
    .string()
    .regex(
      /^([A-Za-z0-9][A-Za-z0-9._-]*\/)+$/,
      'must be names with a slash behind each, such as digital-human/',
    )
    .default('digital-human/')
    .describe(
      'What the names of all objects begin with. Nothing is deleted there: let a rule of the bucket do it.',
    ),
  DIGITAL_HUMAN_S3_ADDRESSING: z
    .enum(['virtual', 'path'])
    .default('virtual')
    .describe(
      'Where the bucket stands: in front of the store’s name (OSS and COS want it) or in the `path`.',
    ),
  DIGITAL_HUMAN_OUTPUT_DIR: z
    .string()
    .default(() => join(homedir(), 'digital-human'))
    .describe(
      'Where results are downloaded to; by default `digital-human` in the home directory. What cannot be written there goes to `results` in the data directory.',
    ),
  DIGITAL_HUMAN_DOWNLOAD: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe(
      'Over standard input and output: `auto` downloads every result as soon as there is one; with `off` only download_result does. Over HTTP nothing is.',
    ),
  DIGITAL_HUMAN_LANES: z
    .string()
    .regex(
      /^([a-z-]+=[1-9]\d{0,3})(,[a-z-]+=[1-9]\d{0,3})*$/,
      'must look like ivh-video-no-training=6,vclm-portrait-sing=2',
    )
    .optional()
    .describe('Jobs that the account may run at once, by lane, where it differs from the default.'),
  DIGITAL_HUMAN_CLOUD_TIMEOUT_SECONDS: z.coerce
    .number()
    .min(1)
    .max(25)
    .default(20)
    .describe(
      'Seconds to wait for a cloud to begin its answer. A submission that gets none in this time is `unknown`.',
    ),
  DIGITAL_HUMAN_PREFLIGHT: z
    .enum(['on', 'off'])
    .default('on')
    .describe('`on` opens every file of a submission and checks it against the documented limits first.'),
  DIGITAL_HUMAN_KEEP_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .max(36_500)
    .default(90)
    .describe(
      'Days for which ended jobs are remembered, with their idempotency keys; 0: for ever. Downloaded files are never removed.',
    ),
  DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: flag('Permit downloads from private and loopback addresses.'),
  DIGITAL_HUMAN_LOG_LEVEL: z
    .enum(logLevels)
    .default('info')
    .describe('Least severity written to standard error.'),
  DIGITAL_HUMAN_VCLM_URL: address('https://vclm.tencentcloudapi.com', 'Address of VCLM.'),
  DIGITAL_HUMAN_VCLM_INTL_URL: address(
    'https://vclm.intl.tencentcloudapi.com',
    'Address of VCLM’s international host, for image animation.',
  ),
  DIGITAL_HUMAN_IVH_URL: z
    .string()
    .refine(
      (value) => /^https?:\/\/[^/]/.test(value) && URL.canParse(value),
      'must be an http:// or https:// address',
    )
    .optional()
    .describe('Address of IVH; by default that of its site.'),
  DIGITAL_HUMAN_DASHSCOPE_URL: address('https://dashscope.aliyuncs.com/api/v1', 'Address of DashScope.'),
  ...httpSettings,
});

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
