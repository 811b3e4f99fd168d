import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { EventLog } from '../../src/mcp/http/event-log.ts';
import { RateLimit } from '../../src/mcp/http/rate.ts';
import { requestIdFrom, traceIdFrom } from '../../src/mcp/trace.ts';

const message = (text: string): JSONRPCMessage => ({ jsonrpc: '2.0', method: 'x', params: { text } });

describe('the events kept for one session', () => {
  const replay = async (log: EventLog, after: string) => {
    const sent: string[] = [];
    await log.replayEventsAfter(after, {
      send: async (id) => {
        sent.push(id);
      },
    });
    return sent;
  };

  it('are replayed by stream, in order, and only those that came later', async () => {
    const log = new EventLog();
    const ids: string[] = [];
    for (const stream of ['a', 'b', 'a', 'b', 'a']) ids.push(await log.storeEvent(stream, message(stream)));
    expect(await replay(log, ids[0] ?? '')).toEqual([ids[2], ids[4]]);
    expect(await replay(log, ids[3] ?? '')).toEqual([]);
    expect(await log.getStreamIdForEventId(ids[1] ?? '')).toBe('b');
  });

  it('are bounded in number and in bytes; an id outlives its event', async () => {
    const log = new EventLog();
    const first = await log.storeEvent('a', message('first'));
    for (let count = 0; count < 1_000; count++) await log.storeEvent('a', message('x'));
    expect(await replay(log, first)).toHaveLength(256);
    expect(await log.getStreamIdForEventId(first)).toBe('a');
    for (let count = 0; count < 20; count++) await log.storeEvent('a', message('y'.repeat(100_000)));
    expect(await replay(log, first)).toHaveLength(2);
    await log.storeEvent('a', message('z'.repeat(1_000_000)));
    expect(await replay(log, first)).toHaveLength(1);
  });
});

describe('the rate limit', () => {
  it('lets in a burst, then the rate; principals do not share', () => {
    const limit = new RateLimit(10, 5);
    const taken = Array.from({ length: 7 }, () => limit.take('ada', 1, 1_000));
    expect(taken).toEqual([0, 0, 0, 0, 0, 1, 1]);
    expect(limit.take('bob', 1, 1_000)).toBe(0);
    expect(limit.take('ada', 1, 1_100)).toBe(0);
    expect(limit.take('ada', 1, 1_100)).toBe(1);
    expect(limit.take('ada', 100, 3_000)).toBe(0);
    expect(limit.take('ada', 5, 3_000)).toBe(1);
  });
});

describe('what joins log lines', () => {
  it('is taken from callers only where it is fit', () => {
    expect(requestIdFrom('run-7:2')).toBe('run-7:2');
    for (const unfit of ['', 'a b', 'a\n{"level":"error"}', 'x'.repeat(65), undefined, ['a']])
      expect(requestIdFrom(unfit)).toMatch(/^[\da-f-]{36}$/);
    const id = '0af7651916cd43dd8448eb211c80319c';
    expect(traceIdFrom(undefined, `00-${id}-b7ad6b7169203331-01`)).toBe(id);
    const broken = [
      `ff-${id}-b7ad6b7169203331-01`,
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `00-${id}-${'0'.repeat(16)}-01`,
      `00-${id.toUpperCase()}-b7ad6b7169203331-01`,
      id,
      7,
    ];
    for (const value of broken) expect(traceIdFrom(value), String(value)).toBeUndefined();
  });
});
