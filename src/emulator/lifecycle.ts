import { setTimeout as pause } from 'node:timers/promises';
import type { Wire } from '../core/operation.ts';
import { CloudError } from './cloud-error.ts';
import type { Rendered } from './render.ts';
import type { TimedSentence } from './sentences.ts';

/** What a task is to produce, known once its inputs are. */
export interface Work {
  /** Seconds that the cloud would take to render this, at speed 1. */
  readonly runSeconds: number;
  /** The file, being rendered in the background. */
  readonly file: Promise<Rendered>;
  /** Files beside it, where the operation has them. */
  readonly subtitles?: Promise<Rendered>;
  readonly mask?: Promise<Rendered>;
  /** When each word is heard, where the cloud tells. */
  readonly sentences?: readonly TimedSentence[];
}

/** The finished files of a task. */
export interface Made {
  readonly file: Rendered;
  readonly subtitles?: Rendered;
  readonly mask?: Rendered;
}

export type Phase = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** One accepted submission. Times are epoch milliseconds. */
export interface Task {
  readonly id: string;
  readonly requestId: string;
  readonly wire: Wire;
  readonly acceptedAt: number;
  phase: Phase;
  startedAt?: number;
  endedAt?: number;
  result?: {
    readonly url: string;
    readonly seconds: number;
    readonly subtitlesUrl?: string;
    readonly maskUrl?: string;
    readonly sentences?: readonly TimedSentence[];
  };
  failure?: { readonly code: string; readonly message: string };
}

export interface TaskPlan {
  readonly id: string;
  readonly requestId: string;
  readonly wire: Wire;
  /** Least seconds in the queue, at speed 1. */
  readonly queueSeconds: number;
  /** Tasks of this lane that run at once; the others stay queued, first come first served. */
  readonly slots: number;
  /** Starts the work at once. A CloudError in it fails the task with that code. */
  work(signal: AbortSignal): Promise<Work>;
  /** The code and message when the emulator itself fails. */
  readonly internalError: { readonly code: string; readonly message: string };
  /** Ends the task as failed whatever the work says (a scripted fault). */
  readonly doom?: { readonly code: string; readonly message: string };
  /** Hands the files over before the task counts as done. */
  deliver?(made: Made, signal: AbortSignal): Promise<void>;
  /** Called once when the task has ended as done or failed. */
  ended?(task: Task): void;
}

async function finished(work: Work): Promise<Made> {
  const [file, subtitles, mask] = await Promise.all([work.file, work.subtitles, work.mask]);
  return { file, subtitles, mask };
}

interface Line {
  running: number;
  readonly waiting: Array<() => void>;
}

export interface LifecycleSettings {
  readonly speed: number;
  /** Gives a finished file an address. */
  publish(file: Rendered, wire: Wire): string;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

/**
 * Walks tasks through queued, running and an end, on a clock that `speed` makes faster. A task is
 * done only when its time is over and its file really exists.
 */
export class Lifecycle {
  readonly #settings: LifecycleSettings;
  readonly #tasks = new Map<string, Task>();
  readonly #aborts = new Map<string, AbortController>();
  readonly #lines = new Map<string, Line>();
  /** Unfinished tasks by lane, oldest first: asked on every submit, so never searched for among all. */
  readonly #open = new Map<string, Set<Task>>();
  readonly #most = new Map<string, number>();

  constructor(settings: LifecycleSettings) {
    this.#settings = settings;
  }

  /** Takes a task and starts it. */
  accept(plan: TaskPlan): Task {
    const { id, requestId, wire } = plan;
    const task: Task = { id, requestId, wire, acceptedAt: Date.now(), phase: 'queued' };
    const abort = new AbortController();
    this.#tasks.set(id, task);
    this.#aborts.set(id, abort);
    const open = this.#open.get(wire.lane.name) ?? new Set<Task>();
    this.#open.set(wire.lane.name, open.add(task));
    this.#most.set(wire.lane.name, Math.max(open.size, this.mostUnfinished(wire.lane.name)));
    void this.#live(task, plan, abort.signal).finally(() => this.#aborts.delete(id));
    return task;
  }

  /** The task, unless it is unknown or past the documented life of its record. */
  find(id: string): Task | undefined {
    const task = this.#tasks.get(id);
    if (!task || Date.now() - task.acceptedAt <= task.wire.taskLifetimeSeconds * 1000) return task;
    this.#tasks.delete(id);
    return undefined;
  }

  /** Every task of a cloud, newest first. */
  all(cloud: Wire['cloud']): readonly Task[] {
    return [...this.#tasks.values()].filter((task) => task.wire.cloud === cloud).toReversed();
  }

  /** How many tasks of a lane have not ended. */
  unfinished(lane: string): number {
    return this.#open.get(lane)?.size ?? 0;
  }

  /** The largest number of tasks of a lane that had not ended at one moment. */
  mostUnfinished(lane: string): number {
    return this.#most.get(lane) ?? 0;
  }

  /** How many queued tasks of the same lane came before this one. */
  ahead(task: Task): number {
    let count = 0;
    for (const other of this.#open.get(task.wire.lane.name) ?? []) {
      if (other === task) break;
      if (other.phase === 'queued') count += 1;
    }
    return count;
  }

  /** Cancels a queued task. @returns false when it is not queued any more */
  cancel(task: Task): boolean {
    if (task.phase !== 'queued') return false;
    task.phase = 'cancelled';
    this.#close(task);
    this.#aborts.get(task.id)?.abort();
    return true;
  }

  /** Forgets every task and stops its work. */
  clear(): void {
    for (const abort of this.#aborts.values()) abort.abort();
    this.#tasks.clear();
    this.#lines.clear();
    this.#open.clear();
    this.#most.clear();
  }

  async #live(task: Task, plan: TaskPlan, signal: AbortSignal): Promise<void> {
    const { log } = this.#settings;
    let leave: (() => void) | undefined;
    try {
      const work = plan.doom ? undefined : plan.work(signal);
      // Both are awaited after the queue, or never if the task is cancelled: no failure may go unhandled.
      work?.then((begun) => finished(begun)).catch(() => undefined);
      await this.#pass(plan.queueSeconds, signal);
      leave = await this.#enter(plan, signal);
      task.phase = 'running';
      task.startedAt = Date.now();
      if (plan.doom) {
        await this.#pass(plan.queueSeconds, signal);
        throw new CloudError(plan.doom.code, plan.doom.message);
      }
      const begun = (await work) as Work;
      const [made] = await Promise.all([finished(begun), this.#pass(begun.runSeconds, signal)]);
      await plan.deliver?.(made, signal);
      signal.throwIfAborted();
      const address = (file?: Rendered) => file && this.#settings.publish(file, task.wire);
      task.result = {
        url: this.#settings.publish(made.file, task.wire),
        seconds: made.file.seconds,
        subtitlesUrl: address(made.subtitles),
        maskUrl: address(made.mask),
        sentences: begun.sentences,
      };
      task.phase = 'done';
    } catch (error) {
      if (signal.aborted) return;
      const documented = error instanceof CloudError;
      if (!documented) log('emulator: a task broke', { task_id: task.id, error: String(error) });
      task.failure = documented ? { code: error.code, message: error.message } : plan.internalError;
      task.phase = 'failed';
    } finally {
      leave?.();
    }
    this.#close(task);
    plan.ended?.(task);
  }

  #close(task: Task): void {
    task.endedAt = Date.now();
    this.#open.get(task.wire.lane.name)?.delete(task);
  }

  async #pass(seconds: number, signal: AbortSignal): Promise<void> {
    await pause((seconds * 1000) / this.#settings.speed, undefined, { signal });
  }

  /** Waits for a free slot in the task's lane; the returned function gives it back. */
  async #enter({ wire, slots }: TaskPlan, signal: AbortSignal): Promise<() => void> {
    const line = this.#lines.get(wire.lane.name) ?? { running: 0, waiting: [] };
    this.#lines.set(wire.lane.name, line);
    if (line.running < slots) line.running += 1;
    else
      await new Promise<void>((resolve, reject) => {
        line.waiting.push(resolve);
        signal.addEventListener(
          'abort',
          () => {
            const at = line.waiting.indexOf(resolve);
            if (at >= 0) line.waiting.splice(at, 1);
            reject(signal.reason);
          },
          { once: true },
        );
      });
    return () => {
      const next = line.waiting.shift();
      if (next) next();
      else line.running -= 1;
    };
  }
}
