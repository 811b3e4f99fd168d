import { randomUUID } from 'node:crypto';
import { CloudError } from './cloud-error.ts';
import { jsonReply, type Reply } from './exchange.ts';
import type { Task } from './lifecycle.ts';
import { hex, type World } from './world.ts';

/** The service writes times without a zone; recorded replies only fit when read as UTC+8. */
const zoneMs = 8 * 3600 * 1000;
const dayMs = 24 * 3600 * 1000;

const statusWords: Readonly<Record<Task['phase'], string>> = {
  queued: 'PENDING',
  running: 'RUNNING',
  done: 'SUCCEEDED',
  failed: 'FAILED',
  cancelled: 'CANCELED',
};

function localTime(epochMs: number): string {
  return new Date(epochMs + zoneMs).toISOString().replace('T', ' ').replace('Z', '');
}

/** GET /tasks/{id}. An unknown id is not an error: the status says UNKNOWN (recorded reply). */
export function showTask(world: World, id: string, statusWord?: string): Reply {
  const task = world.lifecycle.find(id);
  const request_id = randomUUID();
  if (task?.wire.cloud !== 'dashscope')
    return jsonReply(200, { request_id, output: { task_id: id, task_status: 'UNKNOWN' } });
  const { result, failure, startedAt, endedAt } = task;
  const output = {
    task_id: id,
    task_status: statusWord ?? statusWords[task.phase],
    submit_time: localTime(task.acceptedAt),
    scheduled_time: startedAt && localTime(startedAt),
    end_time: endedAt && localTime(endedAt),
    video_url: result?.url,
    code: failure?.code,
    message: failure?.message,
  };
  const usage = result && { video_duration: Math.round(result.seconds * 100) / 100, video_ratio: 'standard' };
  return jsonReply(200, { request_id, output, usage });
}

/** POST /tasks/{id}/cancel. @throws CloudError UnsupportedOperation unless the task is PENDING */
export function cancelTask(world: World, id: string): Reply {
  const task = world.lifecycle.find(id);
  if (task?.wire.cloud !== 'dashscope' || !world.lifecycle.cancel(task))
    throw new CloudError('UnsupportedOperation', 'Only a task whose status is PENDING can be cancelled.');
  return jsonReply(200, { request_id: randomUUID() });
}

/** Reads `YYYYMMDDhhmmss` in the service's own zone as epoch milliseconds. */
function compactTime(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (!match)
    throw new CloudError('InvalidParameter', 'start_time and end_time must look like 20250131235959.');
  const [year = 0, month = 1, ...rest] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, rest[0], rest[1], rest[2], rest[3]) - zoneMs;
}

function positive(text: string | null, fallback: number, most: number): number {
  const value = Number(text || fallback);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new CloudError(
      'InvalidParameter',
      `page_no and page_size must be whole numbers from 1 to ${most}.`,
    );
  return value;
}

/** The account ids in every list entry are made up once for a process. */
const account = { api_key_id: hex(4), caller_parent_id: hex(8), caller_uid: hex(8) };

function listEntry(task: Task) {
  return {
    ...account,
    user_api_unique_key: `apikey:v1:${task.wire.operation}`,
    gmt_create: task.acceptedAt,
    start_time: task.startedAt ?? null,
    end_time: task.endedAt ?? null,
    model_name: task.wire.operation,
    region: 'cn-beijing',
    request_id: task.requestId,
    status: statusWords[task.phase],
    task_id: task.id,
  };
}

/**
 * GET /tasks: newest first, no `output` wrapper, `status` instead of `task_status` (recorded reply).
 * Unset bounds mean the last 24 hours; one bound alone reaches 24 hours from itself.
 */
export function listTasks(world: World, query: URLSearchParams): Reply {
  const from = compactTime(query.get('start_time'));
  const to = compactTime(query.get('end_time'));
  const latest = to ?? (from === undefined ? Date.now() : from + dayMs);
  const earliest = from ?? latest - dayMs;
  const wanted = (name: string, value: string) => !query.get(name) || query.get(name) === value;
  const found = world.lifecycle
    .all('dashscope')
    .filter((task) => task.acceptedAt >= earliest && task.acceptedAt <= latest)
    .map(listEntry)
    .filter((entry) => wanted('model_name', entry.model_name) && wanted('status', entry.status))
    .filter((entry) => wanted('task_id', entry.task_id) && wanted('region', entry.region));
  const page_no = positive(query.get('page_no'), 1, 1_000_000);
  const page_size = positive(query.get('page_size'), 10, 100);
  return jsonReply(200, {
    request_id: randomUUID(),
    data: found.slice((page_no - 1) * page_size, page_no * page_size),
    page_no,
    page_size,
    total: found.length,
    total_page: Math.ceil(found.length / page_size),
  });
}
