import * as z from 'zod';
import type { Wire } from '../../core/operation.ts';
import { conforming, type RecentTask } from '../exchange.ts';
import type { Clock, HttpReply } from '../http.ts';
import { compactBeijingTime } from './times.ts';

/** Recorded replies: no `output` wrapper, times in epoch milliseconds. */
const listReply = z.looseObject({
  data: z.array(
    z.looseObject({
      task_id: z.string().min(1),
      gmt_create: z.number().nullish(),
      start_time: z.number().nullish(),
    }),
  ),
  total_page: z.number().nullish(),
});

/** A list that is longer in one minute belongs to an account too busy to tell one task from another. */
const mostPages = 20;
/** Which zone the bounds are read in is not documented, nor how exactly: they are set wide, and the entries checked. */
const marginMs = 10 * 60_000;
/** The Date header is exact to a second. */
const noticeableMs = 2_000;

/**
 * Tasks of a model submitted in a stretch of our time, from `GET /tasks/` (20 queries a second for an
 * account; records are kept for 24 hours). Their times are given in our clock: the reply's Date header
 * tells how far the clocks are apart.
 */
export async function recentTasks(
  get: (path: string) => Promise<{ reply: HttpReply; body: unknown }>,
  clock: Clock,
  wire: Wire,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly RecentTask[]> {
  let skew = 0;
  const page = async (number: number) => {
    const query = new URLSearchParams({
      start_time: compactBeijingTime(from + skew - marginMs),
      end_time: compactBeijingTime(to + skew + marginMs),
      model_name: wire.operation,
      page_no: String(number),
    });
    const { reply, body } = await get(`/tasks/?${query.toString()}`);
    const date = Date.parse(String(reply.headers.date ?? ''));
    const off = Number.isNaN(date) ? 0 : date + 500 - clock();
    skew = Math.abs(off) < noticeableMs ? 0 : off;
    return conforming('dashscope', listReply, body);
  };
  let first = await page(1);
  if (Math.abs(skew) > marginMs / 2) first = await page(1);
  const entries = [...first.data];
  for (let number = 2; number <= Math.min(first.total_page ?? 1, mostPages); number++)
    entries.push(...(await page(number)).data);
  const tasks = entries.map(({ task_id: taskId, gmt_create: created, start_time: started }) => ({
    taskId,
    submittedAt: (created ?? started ?? Number.NaN) - skew,
  }));
  // Pages shift while tasks are added: one may come twice.
  const unique = new Map(tasks.map((task) => [task.taskId, task]));
  return [...unique.values()].filter(({ submittedAt }) => submittedAt >= from && submittedAt <= to);
}
