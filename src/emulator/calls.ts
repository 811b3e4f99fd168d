import type { Cloud } from '../core/operation.ts';
import type { CallKind } from './exchange.ts';

/** One recognised call, as `GET /_emulator/calls` shows it. */
export interface Call {
  /** Milliseconds since the epoch, of the real clock. */
  readonly at: number;
  readonly call: CallKind;
  /** Absent where the task that was asked about is unknown, and for lists. */
  readonly cloud?: Cloud;
  readonly operation?: string;
}

const kept = 20_000;

/** The last 20,000 calls, oldest first: who asks too often is seen by their times. */
export class Calls {
  #calls: Call[] = [];

  add(call: Call): void {
    this.#calls.push(call);
    // In blocks: moving the whole list for every call would cost more than the calls.
    if (this.#calls.length > 2 * kept) this.#calls = this.#calls.slice(-kept);
  }

  last(): readonly Call[] {
    return this.#calls.slice(-kept);
  }

  clear(): void {
    this.#calls = [];
  }
}
