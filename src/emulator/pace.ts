/** Clients that keep the pace exactly still arrive a little early now and then. */
const leniency = 0.9;

/** Admits at most `perSecond` calls in any second of the emulator's own, faster time. */
export class Pace {
  readonly #perSecond: number;
  readonly #windowMs: number;
  #admitted: number[] = [];

  constructor(perSecond: number, speed: number) {
    this.#perSecond = perSecond;
    this.#windowMs = (1000 * leniency) / speed;
  }

  /** Counts a call in, or says no without counting it. */
  admits(): boolean {
    const now = performance.now();
    this.#admitted = this.#admitted.filter((at) => now - at < this.#windowMs);
    if (this.#admitted.length >= this.#perSecond) return false;
    this.#admitted.push(now);
    return true;
  }
}
