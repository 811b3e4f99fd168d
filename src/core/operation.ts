import * as z from 'zod';
import type { ErrorRule, ErrorTable, Problem } from './failure.ts';
import type { MediaFacts } from './media-facts.ts';

/** An account at a cloud: its own address and its own keys. */
export const clouds = {
  vclm: 'Tencent VCLM',
  vclm_intl: 'Tencent VCLM (international)',
  ivh: 'Tencent AI Digital Human (IVH)',
  dashscope: 'Alibaba DashScope',
} as const;

export type Cloud = keyof typeof clouds;
export type Site = 'cn' | 'intl';
export type MediaKind = 'image' | 'audio' | 'video' | 'document';
export type MediaAspect =
  | 'format'
  | 'bytes'
  | 'seconds'
  | 'side'
  | 'ratio'
  | 'frame_rate'
  | 'codec'
  | 'pages';

/** What a cloud documents about the file behind one URL field. All ranges are inclusive. */
export interface MediaLimits {
  readonly kind: MediaKind;
  /** Container formats in lower case, `jpg` standing for `jpeg` too. Empty where the page names none. */
  readonly formats: readonly string[];
  readonly codecs?: readonly string[];
  readonly maxBytes?: number;
  readonly seconds?: readonly [number, number];
  /** Pixels, each of width and height. */
  readonly side?: readonly [number, number];
  /** Width divided by height. */
  readonly ratio?: readonly [number, number];
  /** Frames a second. */
  readonly frameRate?: readonly [number, number];
  readonly pages?: number;
  /** The field that takes the same file as base64, inside the request. */
  readonly inline?: string;
  /** Limits that the page advises without enforcing: a breach is a warning. */
  readonly advised?: readonly MediaAspect[];
  /** The documented error code for a breach, by aspect; `open` when it cannot be decoded, `download` when it cannot be fetched. */
  readonly codes?: Readonly<Partial<Record<MediaAspect | 'open' | 'download', string>>>;
}

/** Jobs that compete for the same room in an account. */
export interface Lane {
  readonly name: string;
  /** Jobs that may be unfinished in the cloud at once. */
  readonly size: number;
  /** Least milliseconds between two submissions. */
  readonly spacingMs?: number;
  /** How many the cloud works on at once, where it queues the others itself. */
  readonly parallel?: number;
}

export interface Documentation {
  readonly title: string;
  /** The page's own date, `YYYY-MM-DD`, or `undated`. */
  readonly date: string;
}

/** The cloud's half of an operation: what its pages document, in its own spelling. */
export interface Wire<
  Request extends z.ZodType = z.ZodType,
  Accepted extends z.ZodType = z.ZodType,
  Status extends z.ZodType = z.ZodType,
> {
  readonly cloud: Cloud;
  /** Set where the vendor documents the operation differently per site. */
  readonly site?: Site;
  /** The operation as the cloud names it. */
  readonly operation: string;
  readonly documentation: readonly Documentation[];
  /** `address`: an action (VCLM) or a path below the cloud's base URL. */
  readonly submit: { readonly address: string; readonly request: Request; readonly reply: Accepted };
  readonly status: { readonly address: string; readonly reply: Status };
  /** `call`: codes in a refused call. `task`: codes of a task that failed later. They differ in IVH. */
  readonly errors: {
    readonly call: ErrorTable;
    readonly task: ErrorTable;
    /** Reads a code that no table lists, by its prefix or range. */
    readonly unlisted: (code: string) => ErrorRule;
  };
  /** Limits by dotted request field, for example `input.video_url`. */
  readonly media: Readonly<Record<string, MediaLimits>>;
  /** Largest body of a submission, where files can travel inside it. */
  readonly maxRequestBytes?: number;
  readonly resultLifetimeSeconds: number;
  /** How long the cloud answers queries for a task. */
  readonly taskLifetimeSeconds: number;
  readonly lane: Lane;
  /** Documented rendering seconds for one second of result, where a page says so. */
  readonly renderSecondsPerSecond?: number;
}

export type OutputKind = 'video' | 'audio' | 'subtitles' | 'mask';

export interface TaskOutput {
  readonly kind: OutputKind;
  readonly url: string;
  readonly mimeType: string;
  readonly durationMs?: number;
}

/** Spoken text with the time of every word, in milliseconds from the start. */
export interface Sentence {
  readonly text: string;
  readonly words: ReadonlyArray<{ readonly text: string; readonly startMs: number; readonly endMs: number }>;
}

/** A status reply, decoded. `unrecognised`: a status word that no page documents. */
export type TaskState =
  | { readonly state: 'pending'; readonly queuePosition?: number; readonly unrecognised?: string }
  | { readonly state: 'running'; readonly progress?: number; readonly startedAt?: number }
  | {
      readonly state: 'done';
      readonly outputs: readonly TaskOutput[];
      readonly sentences?: readonly Sentence[];
      /** When the work began and ended, by the cloud's own clock, where the reply says so. */
      readonly startedAt?: number;
      readonly endedAt?: number;
    }
  | { readonly state: 'failed'; readonly code: string; readonly message: string }
  | { readonly state: 'cancelled' }
  /** The cloud does not know the task, or does not know how it stands. */
  | { readonly state: 'missing' };

/** The file behind a concrete wire field such as `PageConfigs.0.InputAudioUrl`; undefined when it could not be read here. */
export type FactsOf = (wireField: string) => MediaFacts | undefined;

/** What files show only together, in the input's names. */
export interface MediaFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** How long the result will be, as far as that can be known before it is made. */
export interface ResultEstimate {
  /** Seconds of result, which is what the clouds bill by. Absent when nothing tells. */
  readonly seconds?: number;
  /** What the figure rests on, or why there is none. */
  readonly basis: string;
}

/** One operation: the cloud's half, our half, and the bridge between them. */
export interface Operation<Input extends z.ZodObject = z.ZodObject, W extends Wire = Wire> {
  readonly wire: W;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  /** The input's name for a dotted wire field. */
  readonly inputField: (wireField: string) => string;
  /** A working input for the operation's resource. */
  readonly example: z.input<Input>;
  /** What its user should know: how fields work together, what the pages leave open, which reading was chosen. */
  readonly notes: readonly string[];
  /** Documented "takes effect only when" conditions that this request does not meet, in the input's names. */
  warnings?(request: z.input<W['submit']['request']>): readonly string[];
  /** Limits that a file breaks only beside another file or setting. */
  acrossMedia?(request: z.input<W['submit']['request']>, facts: FactsOf): MediaFindings;
  estimate(request: z.input<W['submit']['request']>, facts: FactsOf): ResultEstimate;
  encode(input: z.output<Input>): z.input<W['submit']['request']>;
  taskId(reply: z.output<W['submit']['reply']>): string;
  decode(reply: z.output<W['status']['reply']>): TaskState;
}

/** Identity, for inference: declare the wire first, then annotate `encode` with `z.input` of its request. */
export function defineWire<R extends z.ZodType, A extends z.ZodType, S extends z.ZodType>(
  wire: Wire<R, A, S>,
) {
  return wire;
}

/** Identity, for inference. */
export function defineOperation<Input extends z.ZodObject, W extends Wire>(
  operation: Operation<Input, W>,
): Operation<Input, W> {
  return operation;
}

/** An `http` or `https` address without white space, which the cloud calls or fetches itself. */
export function webAddress() {
  return z.string().regex(/^https?:\/\/[^\s/]+\S*$/, 'must be an http:// or https:// address');
}

/** The address of a file that the cloud fetches. Our input also takes a file of this machine in its place. */
export function fileAddress() {
  return webAddress().meta({ offered: 'file' });
}

/** A signed address to which the cloud writes a result. Our input also takes "auto": an address in the configured bucket. */
export function storageAddress() {
  return webAddress().meta({ offered: 'storage' });
}

const filePattern = /^(https?:\/\/[^\s/]+\S*|file:\/\/\/?\S+|\/[^\p{Cc}]+|[A-Za-z]:[\\/][^\p{Cc}]+)$/u;

/** What we take for a file: its address, or where it lies on this machine. */
export function fileInput() {
  return z
    .string()
    .regex(filePattern, 'must be an http:// or https:// address, a file:// address or an absolute path');
}

/** What we take for a place to write to. */
function storageInput() {
  return z
    .string()
    .regex(/^(auto|https?:\/\/[^\s/]+\S*)$/, 'must be an http:// or https:// address, or "auto"');
}

/** What our input takes where the wire takes this field; undefined where both take the same. */
export function offeredInstead(schema: z.ZodType): z.ZodType | undefined {
  const { offered } = (schema.meta() ?? {}) as { offered?: 'file' | 'storage' };
  return offered && (offered === 'file' ? fileInput() : storageInput());
}
