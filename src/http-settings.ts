import * as z from 'zod';
import type { Problem } from './core/failure.ts';

const loopbackName = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Whether a host is this machine alone. */
export function isLoopback(host: string): boolean {
  return loopbackName.test(host);
}

const names = (description: string) =>
  z
    .string()
    .regex(/^[^\s,]+(,[^\s,]+)*$/, 'must be names separated by commas, without spaces')
    .optional()
    .describe(description);
const whole = (fallback: number, min: number, max: number, description: string) =>
  z.coerce.number().int().min(min).max(max).default(fallback).describe(description);
const safeAddress = (description: string) =>
  z
    .string()
    .refine(
      (value) =>
        URL.canParse(value) &&
        (value.startsWith('https://') ||
          (value.startsWith('http://') && isLoopback(new URL(value).hostname))),
      'must be an https:// address (http:// only for this machine)',
    )
    .optional()
    .describe(description);

/** The settings of `digital-human-mcp http`, under the names of their environment variables. */
export const httpSettings = {
  DIGITAL_HUMAN_HTTP_HOST: z
    .string()
    .regex(/^[\w.:-]+$/, 'must be an address or a host name')
    .default('127.0.0.1')
    .describe('`http`: address to listen on.'),
  DIGITAL_HUMAN_HTTP_PORT: whole(8787, 0, 65_535, '`http`: port to listen on; 0 takes any that is free.'),
  DIGITAL_HUMAN_HTTP_PUBLIC_URL: z
    .string()
    .refine(
      (value) => /^https?:\/\/[^/?#]+\/?$/.test(value) && URL.canParse(value),
      'must look like https://jobs.example.org, without a path',
    )
    .optional()
    .describe('`http`: address by which callers reach this server, when it is not the one listened on.'),
  DIGITAL_HUMAN_HTTP_ALLOWED_HOSTS: names(
    '`http`: further host names that requests may ask for, separated by commas.',
  ),
  DIGITAL_HUMAN_HTTP_ALLOWED_ORIGINS: names(
    '`http`: host names of web pages that may call; this machine’s own may when listening on loopback.',
  ),
  DIGITAL_HUMAN_HTTP_TOKENS_FILE: z
    .string()
    .optional()
    .describe('`http`: file of bearer tokens, hashed: the lines that `digital-human-mcp token NAME` prints.'),
  DIGITAL_HUMAN_HTTP_INSECURE: z
    .enum(['true', 'false', 'on', 'off', 'yes', 'no', '1', '0'])
    .default('off')
    .transform((value) => ['true', 'on', 'yes', '1'].includes(value))
    .meta({
      description: '`http`: permit listening beyond this machine without authentication.',
      toggle: true,
    }),
  DIGITAL_HUMAN_JWT_ISSUER: safeAddress('`http`: who issues the JWTs that are accepted.'),
  DIGITAL_HUMAN_JWT_AUDIENCE: z
    .string()
    .optional()
    .describe('`http`: audience that a JWT must be made out to.'),
  DIGITAL_HUMAN_JWT_JWKS_URL: safeAddress('`http`: where the issuer publishes its keys.'),
  DIGITAL_HUMAN_CALLBACK_SECRET: z
    .string()
    .regex(/^[\w-]{16,200}$/, 'must be 16 to 200 letters, digits, "-" or "_"')
    .optional()
    .meta({ description: '`http`: last part of the path /callbacks/ivh/ that IVH posts to.', secret: true }),
  DIGITAL_HUMAN_HTTP_MAX_BODY_MB: whole(16, 1, 100, '`http`: largest request body in MB.'),
  DIGITAL_HUMAN_HTTP_REQUEST_SECONDS: whole(
    30,
    1,
    600,
    '`http`: time in which a request must have arrived whole.',
  ),
  DIGITAL_HUMAN_HTTP_SESSION_SECONDS: whole(
    1800,
    1,
    86_400,
    '`http`: idle time after which a session of the 2025 protocol ends.',
  ),
  DIGITAL_HUMAN_HTTP_SESSIONS: whole(2000, 1, 100_000, '`http`: sessions of the 2025 protocol at once.'),
  DIGITAL_HUMAN_HTTP_RATE: whole(20, 1, 100_000, '`http`: requests a second of one principal.'),
  DIGITAL_HUMAN_HTTP_BURST: whole(40, 1, 100_000, '`http`: requests of one principal at one moment.'),
  DIGITAL_HUMAN_HTTP_JOBS: whole(200, 1, 1_000_000, '`http`: unfinished jobs of one principal.'),
  DIGITAL_HUMAN_HTTP_DRAIN_SECONDS: whole(
    25,
    0,
    600,
    '`http`: time that requests under way get when the server is told to stop.',
  ),
};

type Values = z.output<z.ZodObject<typeof httpSettings>>;

export interface JwtConfig {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
}

/** How to serve MCP over HTTP. Times are milliseconds. */
export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Without a slash at its end. */
  readonly publicUrl?: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly tokensFile?: string;
  readonly jwt?: JwtConfig;
  readonly insecure: boolean;
  readonly callbackSecret?: string;
  readonly maxBodyBytes: number;
  readonly requestMs: number;
  readonly sessionMs: number;
  readonly maxSessions: number;
  readonly ratePerSecond: number;
  readonly burst: number;
  readonly jobsPerPrincipal: number;
  readonly drainMs: number;
}

const jwtNames = [
  'DIGITAL_HUMAN_JWT_ISSUER',
  'DIGITAL_HUMAN_JWT_AUDIENCE',
  'DIGITAL_HUMAN_JWT_JWKS_URL',
] as const;

/** JWTs need all three settings: one that is missing would leave a check out. */
export function jwtProblems(values: Readonly<Record<string, string | undefined>>): Problem[] {
  const absent = jwtNames.filter((name) => !values[name]);
  if (absent.length === jwtNames.length) return [];
  return absent.map((field) => ({
    field,
    limit: 'is needed together with the other DIGITAL_HUMAN_JWT_ settings',
    mend: 'Set all three or none.',
  }));
}

/** The settings of the HTTP side as the server reads them. */
export function httpConfig(values: Values): HttpConfig {
  const {
    DIGITAL_HUMAN_JWT_ISSUER: issuer,
    DIGITAL_HUMAN_JWT_AUDIENCE: audience,
    DIGITAL_HUMAN_JWT_JWKS_URL: jwksUrl,
  } = values;
  return {
    host: values.DIGITAL_HUMAN_HTTP_HOST,
    port: values.DIGITAL_HUMAN_HTTP_PORT,
    publicUrl: values.DIGITAL_HUMAN_HTTP_PUBLIC_URL?.replace(/\/$/, ''),
    allowedHosts: values.DIGITAL_HUMAN_HTTP_ALLOWED_HOSTS?.split(',') ?? [],
    allowedOrigins: values.DIGITAL_HUMAN_HTTP_ALLOWED_ORIGINS?.split(',') ?? [],
    tokensFile: values.DIGITAL_HUMAN_HTTP_TOKENS_FILE,
    jwt: issuer && audience && jwksUrl ? { issuer, audience, jwksUrl } : undefined,
    insecure: values.DIGITAL_HUMAN_HTTP_INSECURE,
    callbackSecret: values.DIGITAL_HUMAN_CALLBACK_SECRET,
    maxBodyBytes: values.DIGITAL_HUMAN_HTTP_MAX_BODY_MB * 1_000_000,
    requestMs: values.DIGITAL_HUMAN_HTTP_REQUEST_SECONDS * 1000,
    sessionMs: values.DIGITAL_HUMAN_HTTP_SESSION_SECONDS * 1000,
    maxSessions: values.DIGITAL_HUMAN_HTTP_SESSIONS,
    ratePerSecond: values.DIGITAL_HUMAN_HTTP_RATE,
    burst: values.DIGITAL_HUMAN_HTTP_BURST,
    jobsPerPrincipal: values.DIGITAL_HUMAN_HTTP_JOBS,
    drainMs: values.DIGITAL_HUMAN_HTTP_DRAIN_SECONDS * 1000,
  };
}
