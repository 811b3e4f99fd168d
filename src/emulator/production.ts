import type { MediaLimits, Wire } from '../core/operation.ts';
import type { Inputs, MediaFile, MediaSource } from './inputs.ts';
import type { Work } from './lifecycle.ts';
import { even, type Size, type Studio } from './render.ts';

/** Checked inputs by their field, with the place in every array: `PageConfigs.0.InputAudioUrl`. */
export type Media = ReadonlyMap<string, MediaFile>;

/** How the emulator makes one operation's results. The request has passed the wire's schema. */
export interface Production {
  /** Seconds in the cloud's queue at speed 1; no page says, so these are sensible guesses. */
  readonly queueSeconds: number;
  /** Tasks that run at once while others wait in the cloud's own queue; unset: as many as are accepted. */
  readonly slots?: number;
  /**
   * What the call itself is refused for, beyond the schema.
   * @throws CloudError
   */
  refuse?(request: unknown): void;
  /** Which files this request really uses. */
  inputs(request: unknown): readonly MediaSource[];
  /** Learns the length of the result and starts rendering. */
  begin(request: unknown, media: Media, wire: Wire, studio: Studio, signal: AbortSignal): Promise<Work>;
}

export function present(media: Media, field: string): MediaFile {
  const file = media.get(field);
  if (!file) throw new Error(`The input ${field} was not fetched.`);
  return file;
}

/** Scales so that the shorter side has `short` pixels. */
export function fitted({ width = 1, height = 1 }: Pick<MediaFile, 'width' | 'height'>, short: number): Size {
  const factor = short / Math.min(width, height);
  return [even(width * factor), even(height * factor)];
}

/** The limits of a field, which the wire keeps once for every place of an array. */
function limitsOf(wire: Wire, field: string): MediaLimits {
  const limits = wire.media[field.replaceAll(/\.\d+(?=\.|$)/g, '[]')];
  if (!limits) throw new Error(`${wire.operation} documents no limits for ${field}.`);
  return limits;
}

/**
 * Fetches and checks every input of a request at the same time.
 * @throws MediaBreach the first breach in the order of the inputs
 */
export async function collect(
  inputs: Inputs,
  wire: Wire,
  production: Production,
  request: unknown,
): Promise<Media> {
  const sources = production.inputs(request);
  const taken = await Promise.allSettled(
    sources.map(
      async (source) => [source.field, await inputs.take(source, limitsOf(wire, source.field))] as const,
    ),
  );
  const files = taken.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return new Map(files);
}
