import pLimit from 'p-limit';
import { Failure } from '../core/failure.ts';
import type { MediaFacts } from '../core/media-facts.ts';
import type { MediaLimits, Wire } from '../core/operation.ts';
import { localPath, type OpenLocalFile, openLocalFile } from './local-file.ts';
import type { RangedSource } from './ranged-source.ts';

/** One file that a request names: where it stands, and what its field allows. */
export interface NamedFile {
  /** The concrete wire field, such as `PageConfigs.0.InputAudioUrl`. */
  readonly field: string;
  /** An address, a path of this machine, or base64. */
  readonly value: string;
  readonly inline: boolean;
  readonly limits: MediaLimits;
}

/** What could be learned of a file, or why nothing could. */
export type Look = { readonly facts: MediaFacts } | { readonly failure: Failure };

export interface PreflightOptions {
  readonly allowPrivateAddresses: boolean;
  /** Where files of this machine may be read. */
  readonly mediaDirectories: readonly string[];
}

/** Files read at once: each may hold some megabytes of its own while it is judged. */
const atOnce = 4;
/** An address that takes longer than this is not judged: a call has 45 s in all. */
const deadlineMs = 15_000;
const remembered = 256;

function valuesAt(
  value: unknown,
  path: readonly string[],
  at: string,
): Array<{ field: string; value: string }> {
  const [step, ...rest] = path;
  if (step === undefined) return typeof value === 'string' ? [{ field: at, value }] : [];
  if (value === null || typeof value !== 'object') return [];
  const name = step.replace('[]', '');
  const inner = (value as Record<string, unknown>)[name];
  const field = at === '' ? name : `${at}.${name}`;
  if (!step.endsWith('[]')) return valuesAt(inner, rest, field);
  return Array.isArray(inner)
    ? inner.flatMap((item, index) => valuesAt(item, rest, `${field}.${index}`))
    : [];
}

/** Every file that a request names, in the order in which its wire lists them. */
export function namedFiles(wire: Wire, request: unknown): NamedFile[] {
  return Object.entries(wire.media).flatMap(([path, limits]) => {
    const named = valuesAt(request, path.split('.'), '').map((file) => ({ ...file, inline: false, limits }));
    const { inline } = limits;
    if (inline === undefined) return named;
    const held = valuesAt(request, inline.split('.'), '').map((file) => ({ ...file, inline: true, limits }));
    return [...named, ...held];
  });
}

function memorySource(bytes: Uint8Array): RangedSource {
  const used = { bytes: 0, requests: 0 };
  return {
    size: bytes.length,
    reach: undefined,
    validator: undefined,
    used,
    async read(start, length) {
      used.requests += 1;
      return bytes.subarray(start, start + length);
    },
    async close() {},
  };
}

/** Looks into files before money is spent on them. What was learned is kept until the file changes. */
export class Preflight {
  readonly #options: PreflightOptions;
  readonly #limit = pLimit(atOnce);
  readonly #known = new Map<string, MediaFacts>();

  constructor(options: PreflightOptions) {
    this.#options = options;
  }

  /** Never throws a `Failure`: what went wrong is part of what is known about the file. */
  look(
    file: Pick<NamedFile, 'value' | 'inline'>,
    near: readonly number[],
    signal?: AbortSignal,
  ): Promise<Look> {
    return this.#limit(async () => {
      try {
        const source = await this.#open(file, signal);
        try {
          return { facts: await this.#facts(file.value, source, near) };
        } finally {
          await source.close();
        }
      } catch (error) {
        if (error instanceof Failure) return { failure: error };
        throw error;
      }
    });
  }

  /** Opens a file of this machine. @throws as `openLocalFile` does */
  openLocal(value: string): Promise<OpenLocalFile> {
    return openLocalFile(value, this.#options.mediaDirectories);
  }

  async #open(
    { value, inline }: Pick<NamedFile, 'value' | 'inline'>,
    signal?: AbortSignal,
  ): Promise<RangedSource> {
    if (inline) return memorySource(Buffer.from(value, 'base64'));
    if (/^https?:/i.test(value)) {
      const { urlSource } = await import('./url-source.ts');
      const { allowPrivateAddresses } = this.#options;
      return urlSource(value, { allowPrivateAddresses, deadlineMs, signal });
    }
    const file = await this.openLocal(value);
    return { ...file.source, read: file.source.read.bind(file.source), close: () => file.close() };
  }

  async #facts(value: string, source: RangedSource, near: readonly number[]): Promise<MediaFacts> {
    const { validator, size } = source;
    const key =
      validator === undefined
        ? undefined
        : JSON.stringify([localPath(value) ?? value, validator, size, near]);
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known) return known;
    const { probe } = await import('./probe.ts');
    const facts = await probe(source, { near });
    if (key !== undefined) {
      this.#known.set(key, facts);
      const [oldest] = this.#known.keys();
      if (this.#known.size > remembered && oldest !== undefined) this.#known.delete(oldest);
    }
    return facts;
  }
}
