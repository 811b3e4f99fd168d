import { randomBytes } from 'node:crypto';
import type { Cloud, Lane, Site, Wire } from '../core/operation.ts';
import type { Calls } from './calls.ts';
import type { CallKind } from './exchange.ts';
import type { Faults } from './faults.ts';
import type { Inputs } from './inputs.ts';
import type { Lifecycle, Task, TaskPlan } from './lifecycle.ts';
import type { Media } from './production.ts';
import { productions } from './productions.ts';
import type { Studio } from './render.ts';
import type { Uploads } from './uploads.ts';

export type Log = (message: string, fields?: Record<string, unknown>) => void;

export interface Credentials {
  readonly vclm: { readonly secret_id: string; readonly secret_key: string };
  readonly ivh: { readonly app_key: string; readonly access_token: string };
  readonly dashscope: { readonly api_key: string };
}

/** One accepted submission, as `GET /_emulator/submissions` shows it. */
export interface Submission {
  readonly operation: string;
  readonly cloud: Cloud;
  readonly task_id: string;
  /** The request as it was received: the whole body, or `Payload` in IVH. */
  readonly request: unknown;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** What all dialects share. */
export interface World {
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  readonly site: Site;
  readonly speed: number;
  /** Operations that hold at this site. */
  readonly wires: readonly Wire[];
  readonly credentials: Credentials;
  readonly lifecycle: Lifecycle;
  readonly faults: Faults;
  readonly inputs: Inputs;
  readonly uploads: Uploads;
  readonly studio: Studio;
  readonly submissions: Submission[];
  readonly counts: Record<CallKind, number>;
  readonly calls: Calls;
  readonly log: Log;
  /** Room in a lane: the option's, else the documented default. */
  room(lane: Lane): number;
}

export function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

/** What a dialect adds to a task. */
export type Acceptance = Pick<TaskPlan, 'id' | 'requestId' | 'internalError' | 'deliver' | 'ended'> & {
  readonly wire: Wire;
  /** The request after the schema, and as it was received. */
  readonly request: unknown;
  readonly received: unknown;
  /** Fetched and checked inputs; a failure in it fails the task. */
  readonly media: () => Promise<Media>;
};

/** Accepts a submission: records it and starts its task. */
export function acceptTask(world: World, acceptance: Acceptance): Task {
  const { wire, request, received, media, ...rest } = acceptance;
  const production = productions[wire.operation];
  if (!production) throw new Error(`Nothing here can make ${wire.operation}.`);
  world.submissions.push({
    operation: wire.operation,
    cloud: wire.cloud,
    task_id: rest.id,
    request: received,
    at: new Date().toISOString(),
  });
  return world.lifecycle.accept({
    ...rest,
    wire,
    queueSeconds: production.queueSeconds,
    slots: production.slots ?? Number.POSITIVE_INFINITY,
    doom: world.faults.forTask('fail_task', wire.operation),
    work: async (signal) => production.begin(request, await media(), wire, world.studio, signal),
  });
}
