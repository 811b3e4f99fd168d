import type { Connections } from '../clouds/accounts.ts';
import type { Operation } from '../core/operation.ts';
import type { LaneRule } from './lane-room.ts';

export interface LaneSettings {
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly laneSizes: Readonly<Record<string, number>>;
  readonly speed: number;
}

/** A lane that a refusal has shrunk tries for one more job every minute. */
const growMs = 60_000;

/** The lanes of every configured account. */
export class LaneRules {
  readonly #rules = new Map<string, LaneRule>();

  constructor({ connections, operations, laneSizes, speed }: LaneSettings) {
    for (const { wire } of operations) {
      const account = connections[wire.cloud]?.account;
      if (account === undefined) continue;
      const { name, size, spacingMs } = wire.lane;
      this.#rules.set(`${account} ${name}`, {
        account,
        lane: name,
        size: laneSizes[name] ?? size,
        spacingMs: Math.ceil((spacingMs ?? 0) / speed),
        growMs: Math.ceil(growMs / speed),
      });
    }
  }

  all(): readonly LaneRule[] {
    return [...this.#rules.values()];
  }

  /** The lane that a job is in; undefined when its account is not configured here. */
  of(job: { readonly account: string; readonly lane: string }): LaneRule | undefined {
    return this.#rules.get(`${job.account} ${job.lane}`);
  }
}
