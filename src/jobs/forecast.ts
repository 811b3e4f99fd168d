/** Standard normal distribution function (Abramowitz and Stegun 7.1.26; off by 1.5e-7 at most). */
function normal(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
    Math.exp(-x * x);
  return z >= 0 ? 1 - tail / 2 : tail / 2;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** Endings that are enough to rely on. */
export const fewest = 3;
/** What is believed before anything was learned: half to double the expectation, or far more. */
const priorSpread = 0.8;
const priorWeight = 0.5;
const [lowest, highest, points] = [0.02, 60, 320];

/**
 * When a job ends, as a multiple of its expected time: seen endings, smoothed, and a wide belief beside them
 * that loses weight as endings are seen. Made once for many jobs; asking it is a look into a table.
 */
export class Forecast {
  readonly #at: number[] = [0];
  /** Chance that the job has not ended. */
  readonly #alive: number[] = [1];
  /**
   * The integral of the square root of the hazard. Questions are worth most where they are spread evenly
   * along it: the expected lag is then least for their number (the classic inspection problem).
   */
  readonly #density: number[] = [0];

  /** Enough endings were seen to rely on them. */
  readonly learned: boolean;

  /** @param ratios seen times, each divided by what was expected */
  constructor(ratios: readonly number[]) {
    this.learned = ratios.length >= fewest;
    const logs = ratios.map((ratio) => Math.log(Math.max(ratio, 0.05)));
    const centre = median(logs);
    const deviation = 1.4826 * median(logs.map((log) => Math.abs(log - centre)));
    const width = Math.min(0.5, Math.max(0.03, 1.06 * deviation * Math.max(logs.length, 1) ** -0.2));
    const total = priorWeight + logs.length;
    const ended = (at: number) => {
      const log = Math.log(at);
      const seen = logs.reduce((sum, middle) => sum + normal((log - middle) / width), 0);
      return (seen + priorWeight * normal(log / priorSpread)) / total;
    };
    const step = (highest / lowest) ** (1 / (points - 1));
    for (let at = lowest, index = 0; index < points; at *= step, index++) {
      const alive = Math.max(1 - ended(at), 1e-7);
      const before = this.#at.length - 1;
      const length = at - (this.#at[before] ?? 0);
      const hazard = Math.max(Math.log((this.#alive[before] ?? 1) / alive), 0) / length;
      this.#at.push(at);
      this.#alive.push(alive);
      this.#density.push((this.#density[before] ?? 0) + Math.sqrt(hazard) * length);
    }
  }

  /** Where, past `from`, the chance of being unfinished has fallen to `share` of what it is at `from`. */
  quantile(share: number, from = 0): number {
    const wanted = this.aliveAt(from) * share;
    const index = this.#alive.findIndex((alive) => alive <= wanted);
    if (index <= 0) return highest;
    return interpolate(this.#alive, this.#at, index, wanted);
  }

  aliveAt(at: number): number {
    return lookUp(this.#at, this.#alive, at);
  }

  densityAt(at: number): number {
    return lookUp(this.#at, this.#density, at);
  }

  /** The inverse of `densityAt`. */
  whereDensity(density: number): number {
    return lookUp(this.#density, this.#at, density);
  }

  /** The slope of `densityAt` where half of all jobs have ended. */
  get peak(): number {
    const [low, high] = [this.quantile(0.6), this.quantile(0.4)];
    return (this.densityAt(high) - this.densityAt(low)) / Math.max(high - low, 1e-6);
  }
}

function interpolate(xs: readonly number[], ys: readonly number[], index: number, x: number): number {
  const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [xs[index - 1], xs[index], ys[index - 1], ys[index]];
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** `ys` at `x`, where `xs` rises; past the table, its last stretch goes on. */
function lookUp(xs: readonly number[], ys: readonly number[], x: number): number {
  let [low, high] = [1, xs.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  return interpolate(xs, ys, low, x);
}
