import type { Selectable } from 'kysely';
import type { LaneTable } from './rows.ts';

/** Room and pace of one lane of one account, as configured. */
export interface LaneRule {
  readonly account: string;
  readonly lane: string;
  /** Jobs that may be unfinished in the cloud at once. */
  readonly size: number;
  /** Least milliseconds between two submissions, on this machine's clock. */
  readonly spacingMs: number;
  /** A lane that was shrunk by a refusal grows by one after each such time. */
  readonly growMs: number;
}

/** Why a submission was put back, as far as its lane is concerned. */
export interface Refusal {
  /** The cloud said that the account has no room: the lane shrinks to what is in flight. */
  readonly full: boolean;
  readonly retryAfterMs?: number;
  /** How much faster than real time the cloud runs. */
  readonly speed: number;
}

export type LaneRow = Pick<
  Selectable<LaneTable>,
  'size' | 'grows_at' | 'refusals' | 'held_until' | 'submitted_at'
>;

/** Of a lane that nobody has sent over yet. */
export const untouched: LaneRow = {
  size: null,
  grows_at: null,
  refusals: 0,
  held_until: null,
  submitted_at: null,
};
export const laneColumns = ['size', 'grows_at', 'refusals', 'held_until', 'submitted_at'] as const;

/** No refusal holds a lane longer, whatever its Retry-After says: a clock may have been set back. */
export const longestHoldMs = 3_600_000;

/** A lane's room now: the configured size, or what a refusal left of it and time has given back. */
export function roomOf(row: LaneRow, rule: LaneRule, now: number): { size: number; growsAt: number | null } {
  if (row.size === null || row.size >= rule.size) return { size: rule.size, growsAt: null };
  // A time further off than one step can only come from a clock that was set back.
  const growsAt = Math.min(Number(row.grows_at ?? now), now + rule.growMs);
  const steps = now < growsAt ? 0 : 1 + Math.floor((now - growsAt) / rule.growMs);
  const size = row.size + steps;
  return size >= rule.size
    ? { size: rule.size, growsAt: null }
    : { size, growsAt: growsAt + steps * rule.growMs };
}

/** Milliseconds until a lane may send again, as far as pace and refusals go. */
export function heldFor(row: LaneRow, rule: LaneRule, now: number): number {
  const hold = Number(row.held_until ?? 0) - now;
  const pace = Number(row.submitted_at ?? 0) + rule.spacingMs - now;
  return Math.max(hold > longestHoldMs ? 0 : hold, pace > rule.spacingMs ? 0 : pace, 0);
}
