/** Documented for DashScope; the other clouds name no figure, and get the same courtesy. */
const queriesPerSecond = 20;
/** Left for what people ask themselves: adopting, cancelling, lists of assets. */
export const ours = 15;
/** At once at most: with `ours` in the second that follows, still below the documented figure. */
const burst = 4;

/** Questions that may be put to one account: a token bucket on the machine's uptime, which never jumps. */
export class Budget {
  readonly #perMs: number;
  readonly #uptime: () => number;
  #sharers = 1;
  #tokens = burst;
  #at: number;
  #heldUntil = 0;

  /** @param speed how much faster than real time the cloud runs */
  constructor(speed: number, uptime: () => number = () => performance.now()) {
    this.#perMs = (Math.min(ours, queriesPerSecond) * speed) / 1000;
    this.#uptime = uptime;
    this.#at = uptime();
  }

  /** Questions in a second of this machine, for all processes together. */
  get perSecond(): number {
    return Math.max(1, Math.floor(this.#perMs * 1_000));
  }

  /** Divides the budget among so many processes. */
  share(sharers: number): void {
    this.#refill();
    this.#sharers = Math.max(1, sharers);
  }

  /** Questions that may be put now. */
  available(): number {
    this.#refill();
    return this.#uptime() < this.#heldUntil ? 0 : Math.floor(this.#tokens);
  }

  spend(questions: number): void {
    this.#refill();
    this.#tokens -= questions;
  }

  /** Nothing more for a while: the cloud said so. */
  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#uptime() + ms);
  }

  /** Milliseconds until a question may be put. */
  waitMs(): number {
    this.#refill();
    const refilled = (1 - this.#tokens) / (this.#perMs / this.#sharers);
    return Math.max(0, Math.ceil(refilled), Math.ceil(this.#heldUntil - this.#uptime()));
  }

  #refill(): void {
    const now = this.#uptime();
    // A faster cloud clock also makes the burst larger, up to what one machine can use.
    this.#tokens = Math.min(
      Math.max(burst, Math.min(this.#perMs * 100, 64)),
      this.#tokens + ((now - this.#at) * this.#perMs) / this.#sharers,
    );
    this.#at = now;
  }
}
