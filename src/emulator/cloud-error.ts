import type { MediaAspect, MediaLimits } from '../core/operation.ts';

/** A documented error of a cloud: refuses a call when thrown in one, fails a task when thrown in its work. */
export class CloudError extends Error {
  readonly code: string;
  /** HTTP status, where the dialect uses one. */
  readonly status?: number;

  constructor(code: string, message: string, status?: number) {
    super(message);
    this.name = 'CloudError';
    this.code = code;
    this.status = status;
  }
}

export type BrokenAspect = MediaAspect | 'open' | 'download' | 'timeout';

/** An input file that breaks a documented limit. Each dialect words it in its own way. */
export class MediaBreach extends Error {
  readonly field: string;
  readonly aspect: BrokenAspect;
  readonly limits: MediaLimits;
  readonly url: string;

  constructor(field: string, aspect: BrokenAspect, limits: MediaLimits, url: string, found: string) {
    super(found);
    this.name = 'MediaBreach';
    this.field = field;
    this.aspect = aspect;
    this.limits = limits;
    this.url = url;
  }

  /** The documented code of this breach, if the operation's page gives one. */
  get code(): string | undefined {
    return this.limits.codes?.[this.aspect === 'timeout' ? 'download' : this.aspect];
  }
}
