/**
 * What can go wrong, in one closed list. The key is the public `failure.kind`;
 * the text is what the reference prints for it.
 */
export const failureKinds = {
  invalid_input: 'A value breaks a documented limit. Nothing was sent.',
  media: 'A file cannot be used: format, size, length, side, or no usable face in it.',
  moderation: 'The cloud refused the content.',
  credentials: 'Keys are missing, wrong, or signed with a clock that is off.',
  permission: 'The account may not do this.',
  billing: 'The account has no balance, package or purchase for this.',
  capacity: 'The account has no room for another job now.',
  throttled: 'Too many requests in too short a time.',
  not_found: 'The job, task or asset does not exist.',
  conflict: 'The same idempotency key was used for another input.',
  expired: 'A link, task or asset is past its documented life.',
  cloud: 'The cloud failed on its side.',
  network: 'The cloud could not be reached, or the connection broke.',
  unknown_outcome: 'A submission was sent but its outcome could not be learned. It is never sent again.',
  unsupported: 'The cloud cannot do this.',
  storage: 'This machine could not store or read something.',
  cancelled: 'The job was cancelled.',
  internal: 'A fault in this server.',
} as const;

export type FailureKind = keyof typeof failureKinds;

/** How one documented error code is to be read. `retry`: the same call may succeed later, unchanged. */
export interface ErrorRule {
  readonly kind: FailureKind;
  readonly retry: boolean;
  readonly advice: string;
}

/** Writes one row of an error table. */
export function rule(kind: FailureKind, advice: string, retry = false): ErrorRule {
  return { kind, retry, advice };
}

export type ErrorTable = Readonly<Record<string, ErrorRule>>;

/**
 * How to read a code: by its row, else by the cloud's own way with codes that no table lists.
 * Codes are a stranger's text, so names that every object inherits must not pass for rows.
 */
export function ruleFor(table: ErrorTable, code: string, unlisted: (code: string) => ErrorRule): ErrorRule {
  const row = Object.hasOwn(table, code) ? table[code] : undefined;
  if (row) return row;
  if (code === '') return rule('cloud', 'The cloud gave no reason; submit the same input again once.', true);
  return unlisted(code);
}

/** Where an exchange with a cloud broke off. */
export type ExchangeStage =
  | 'not_sent'
  | 'no_reply'
  | 'reply_cut'
  | 'reply_unreadable'
  | 'server_error'
  | 'refused';

/**
 * Whether a submit that broke off at this stage may have been accepted.
 * Only `no` permits sending it again; `unknown` never does.
 */
export const acceptedAt: Readonly<Record<ExchangeStage, 'no' | 'unknown'>> = {
  not_sent: 'no',
  refused: 'no',
  no_reply: 'unknown',
  reply_cut: 'unknown',
  reply_unreadable: 'unknown',
  server_error: 'unknown',
};

/** One fault in an input: which field, what came, what is allowed, how to mend it. */
export interface Problem {
  readonly field: string;
  readonly value?: string;
  readonly limit: string;
  readonly mend: string;
}

export interface FailureDetails {
  readonly kind: FailureKind;
  readonly message: string;
  readonly advice: string;
  readonly retryable?: boolean;
  readonly code?: string;
  readonly requestId?: string;
  readonly stage?: ExchangeStage;
  readonly problems?: readonly Problem[];
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error class. Thrown anywhere, turned into a tool result in one place. */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly advice: string;
  readonly retryable: boolean;
  readonly code?: string;
  readonly requestId?: string;
  readonly stage?: ExchangeStage;
  readonly problems: readonly Problem[];
  readonly retryAfterMs?: number;

  constructor(details: FailureDetails) {
    super(details.message, { cause: details.cause });
    this.name = 'Failure';
    this.kind = details.kind;
    this.advice = details.advice;
    this.retryable = details.retryable ?? false;
    this.code = details.code;
    this.requestId = details.requestId;
    this.stage = details.stage;
    this.problems = details.problems ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The failure that an error is, or that a library wrapped on its way here. */
export function failureIn(error: unknown): Failure | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof Failure) return at;
  return undefined;
}

/** Addresses without what follows `?`: in a signed address that is a key to the file. */
export function withoutQueries(text: string): string {
  return text.replace(/(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, '$1?…');
}

/**
 * Text from a stranger (a cloud message, a file name, a property name) made safe to show:
 * no control or invisible direction characters, one line, no signature of an address, at most `limit` code points.
 */
export function foreignText(text: unknown, limit = 300): string {
  const raw = typeof text === 'string' ? text : text === undefined ? '' : (JSON.stringify(text) ?? '');
  return oneLine(withoutQueries(raw.slice(0, limit * 40)), limit);
}

/** The same where an address must stay whole, because it is what was asked for. */
export function oneLine(text: unknown, limit = 300): string {
  const raw = typeof text === 'string' ? text : text === undefined ? '' : (JSON.stringify(text) ?? '');
  const flat = raw
    .slice(0, limit * 4)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  const points = [...flat];
  return points.length > limit ? `${points.slice(0, limit).join('')}…` : flat;
}

/** Quotes foreign text, so that a reader sees where the stranger's words begin and end. */
export function quoted(text: unknown, limit?: number): string {
  return `"${foreignText(text, limit).replaceAll('"', "'")}"`;
}
