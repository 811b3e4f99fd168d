interface Bucket {
  tokens: number;
  at: number;
}

/** How much each principal may ask for: a steady rate, and some at one moment. */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perSecond: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /**
   * Takes `cost` requests from a principal's room. A batch beyond the whole burst costs the whole burst.
   * @returns 0, or the seconds after which there will be room: then nothing was taken
   */
  take(principal: string, cost = 1, now = Date.now()): number {
    this.#forget(now);
    const bucket = this.#buckets.get(principal) ?? { tokens: this.#burst, at: now };
    this.#buckets.set(principal, bucket);
    const wanted = Math.min(cost, this.#burst);
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    if (bucket.tokens < wanted) return Math.max(1, Math.ceil((wanted - bucket.tokens) / this.#perSecond));
    bucket.tokens -= wanted;
    return 0;
  }

  /** A bucket that has filled up again says nothing: principals that left take no memory. */
  #forget(now: number): void {
    if (this.#buckets.size < 10_000) return;
    const full = (this.#burst / this.#perSecond) * 1000;
    for (const [principal, { at }] of this.#buckets) if (now - at > full) this.#buckets.delete(principal);
  }
}
