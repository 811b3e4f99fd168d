interface Place {
  readonly owner: string;
  readonly enter: () => void;
}

/** Lets a bounded number of works run at once; the others stand in line, and an owner can be called to its front. */
export class Turns {
  readonly #atOnce: number;
  #running = 0;
  #line: Place[] = [];

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  async take(owner: string, work: () => Promise<void>): Promise<void> {
    if (this.#running < this.#atOnce) this.#running += 1;
    else await new Promise<void>((enter) => this.#line.push({ owner, enter }));
    try {
      await work();
    } finally {
      // The place is handed on, not given back: nobody can slip in between.
      const next = this.#line.shift();
      if (next) next.enter();
      else this.#running -= 1;
    }
  }

  /** Puts whoever waits for this owner before all others. */
  callForward(owner: string): void {
    const theirs = this.#line.filter((place) => place.owner === owner);
    this.#line = [...theirs, ...this.#line.filter((place) => place.owner !== owner)];
  }

  isWaiting(owner: string): boolean {
    return this.#line.some((place) => place.owner === owner);
  }
}
