import { describe, expect, it } from 'vitest';
import type { JobStore } from '../../src/jobs/store.ts';
import { engines } from './engines.ts';
import { newJob, openStore, TestClock } from './harness.ts';

const scope = { cloud: 'ivh', account: 'account', underway: [], perSecond: 15 } as const;

describe.each(engines)('the budget of an account on $engine', ({ place, sideBySide }) => {
  it('is one for all processes on the store, from the first moment', async () => {
    const [clock, path] = [new TestClock(), await place()];
    const stores = [
      await openStore(path, 'one', clock.now),
      await openStore(path, 'two', clock.now),
      await openStore(path, 'three', clock.now),
    ] as const;
    for (let n = 0; n < 30; n++) await stores[0].insert(newJob({ cloudTaskId: `task ${n}` }));
    const ask = async () => {
      const claim = async (store: JobStore) => (await store.claims.polls(scope, 3, 90_000)).length;
      if (sideBySide) return (await Promise.all(stores.map(claim))).reduce((sum, each) => sum + each, 0);
      let asked = 0;
      for (const store of stores) asked += await claim(store);
      return asked;
    };
    let inOneSecond = 0;
    for (let quarter = 0; quarter < 4; quarter++, clock.ms += 250) {
      inOneSecond += await ask();
      clock.ms += 249;
      expect(await ask()).toBe(0);
      clock.ms -= 249;
    }
    expect(inOneSecond).toBe(16);
    // Set back, the clock does not stop all questions until it is there again.
    clock.ms -= 600_000;
    for (let n = 0; n < 9; n++) await stores[0].insert(newJob({ cloudTaskId: `later ${n}` }));
    expect(await ask()).toBe(4);
  });
});
