import { describe, expect, it } from 'vitest';
import { CloudClock, signedExchange } from '../../src/clouds/exchange.ts';
import type { Http, HttpReply } from '../../src/clouds/http.ts';
import { Failure } from '../../src/core/failure.ts';

const hour = 3_600_000;

/** A cloud an hour ahead, which refuses what is signed more than five minutes off its time. */
function cloudAhead(sent: number[]): Http {
  return {
    async send({ body }): Promise<HttpReply> {
      const signedAt = Number(body);
      sent.push(signedAt);
      // Every reply comes after all requests that were sent at the same moment.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const now = Date.now() + hour;
      const status = Math.abs(signedAt - now) < 5 * 60_000 ? 200 : 401;
      return { status, headers: { date: new Date(now).toUTCString() }, body: '' };
    },
    close: async () => {},
  };
}

describe('a clock that is off', () => {
  it('is forgiven to every request that was signed with it, not only to the first', async () => {
    const sent: number[] = [];
    const [http, clock] = [cloudAhead(sent), new CloudClock(Date.now)];
    const exchange = () =>
      signedExchange(
        http,
        clock,
        (now) => ({ method: 'POST', url: 'http://127.0.0.1:9/', headers: {}, body: String(now) }),
        ({ status }) => {
          if (status !== 200)
            throw new Failure({ kind: 'credentials', message: '', advice: '', stage: 'refused' });
          return 'accepted';
        },
      );
    expect(await Promise.all([exchange(), exchange(), exchange()])).toEqual(
      Array.from({ length: 3 }, () => 'accepted'),
    );
    expect(sent).toHaveLength(6);
    expect(await exchange()).toBe('accepted');
    expect(sent).toHaveLength(7);
  });

  it('may be set right in the middle of an exchange, but not for ever', async () => {
    for (const [steps, end] of [
      [[hour, 0, 0], 'accepted after 3'],
      [[hour, 2 * hour, 2 * hour], 'accepted after 3'],
      [[hour, 0, hour, 0, hour], 'refused after 3'],
    ] as const) {
      let sent = 0;
      const http: Http = {
        async send({ body }) {
          const now = Date.now() + (steps[sent++] ?? 0);
          const status = Math.abs(Number(body) - now) < 5 * 60_000 ? 200 : 401;
          return { status, headers: { date: new Date(now).toUTCString() }, body: '' };
        },
        close: async () => {},
      };
      const exchange = signedExchange(
        http,
        new CloudClock(Date.now),
        (now) => ({ method: 'POST', url: 'http://127.0.0.1:9/', headers: {}, body: String(now) }),
        ({ status }) => {
          if (status !== 200)
            throw new Failure({ kind: 'credentials', message: '', advice: '', stage: 'refused' });
        },
      );
      const outcome = await exchange.then(
        () => 'accepted',
        () => 'refused',
      );
      expect(`${outcome} after ${sent}`).toBe(end);
    }
  });
});
