import * as z from 'zod';
import type { CallKind } from './exchange.ts';

const common = {
  /** The operation as the cloud names it; unset: any. */
  operation: z.string().min(1).max(100).optional(),
  call: z.enum(['submit', 'query', 'result', 'cancel', 'list', 'policy', 'upload']),
  times: z.int().min(1).max(100_000).default(1),
  after: z.int().min(0).max(100_000).default(0),
  /** Hits are counted under it, so that a script can tell a fault that was met from one that waits. */
  label: z.string().min(1).max(200).optional(),
};

const code = z.union([z.string().min(1).max(100), z.int()]).transform(String);
const message = z.string().max(1000).default('Scripted by a fault.');

/**
 * A fault as `POST /_emulator/faults` takes it. `after` matching calls pass unharmed, then `times` are hit.
 * `delay`, `cut`, `malformed`, `empty` and `accept_then_drop` do the call's work for real; `refuse` and
 * `server_error` do not. `clock` holds from its installation until a reset, for the calls that it matches.
 */
export const faultSchema = z.discriminatedUnion('fault', [
  z.strictObject({
    ...common,
    fault: z.literal('refuse'),
    code,
    message,
    status: z.int().min(400).max(599).optional(),
  }),
  z.strictObject({ ...common, fault: z.literal('delay'), ms: z.int().min(0).max(600_000) }),
  z.strictObject({
    ...common,
    fault: z.literal('cut'),
    where: z.enum(['before_body', 'mid_body']).default('mid_body'),
  }),
  z.strictObject({
    ...common,
    fault: z.literal('server_error'),
    status: z.union([z.literal(500), z.literal(502), z.literal(503)]).default(500),
    vendor_error: z.boolean().default(false),
  }),
  z.strictObject({ ...common, fault: z.literal('malformed') }),
  z.strictObject({ ...common, fault: z.literal('empty') }),
  z.strictObject({ ...common, fault: z.literal('accept_then_drop') }),
  z.strictObject({ ...common, fault: z.literal('duplicate') }),
  z.strictObject({ ...common, fault: z.literal('clock'), offset_seconds: z.number().min(-1e9).max(1e9) }),
  z.strictObject({ ...common, fault: z.literal('status'), status: z.string().min(1).max(100) }),
  z.strictObject({ ...common, fault: z.literal('fail_task'), code, message }),
  z.strictObject({ ...common, fault: z.literal('expire_results') }),
]);

export type Fault = z.output<typeof faultSchema>;
type FaultName = Fault['fault'];
export type FaultOf<Name extends FaultName> = Extract<Fault, { fault: Name }>;

/** Faults of the task itself and of the clock; all others belong to one exchange. */
const apart = new Set<FaultName>(['fail_task', 'duplicate', 'clock']);

interface Installed {
  readonly fault: Fault;
  after: number;
  times: number;
}

/** The script of faults, in the order of their installation. */
export class Faults {
  #installed: Installed[] = [];
  #hits = new Map<string, number>();

  install(fault: Fault): void {
    this.#installed.push({ fault, after: fault.after, times: fault.times });
  }

  clear(): void {
    this.#installed = [];
    this.#hits.clear();
  }

  /** How often each label was hit. */
  hits(): Record<string, number> {
    return Object.fromEntries(this.#hits);
  }

  #hit({ label }: Fault): void {
    if (label !== undefined) this.#hits.set(label, (this.#hits.get(label) ?? 0) + 1);
  }

  /** The fault that hits this exchange, used up once. */
  forExchange(call: CallKind, operation: string | undefined): Fault | undefined {
    return this.#take((fault) => !apart.has(fault.fault) && fault.call === call, operation);
  }

  /** The fault of this name that hits the next accepted task, used up once. */
  forTask<Name extends 'fail_task' | 'duplicate'>(name: Name, operation: string): FaultOf<Name> | undefined {
    const taken = this.#take((fault) => fault.fault === name, operation);
    return taken as FaultOf<Name> | undefined;
  }

  /** Milliseconds by which the clock is off for this exchange. */
  clockOffset(call: CallKind | undefined, operation: string | undefined): number {
    const found = this.#installed.findLast(
      ({ fault }) => fault.fault === 'clock' && fault.call === call && matches(fault, operation),
    );
    if (found?.fault.fault !== 'clock') return 0;
    this.#hit(found.fault);
    return found.fault.offset_seconds * 1000;
  }

  #take(suits: (fault: Fault) => boolean, operation: string | undefined): Fault | undefined {
    let taken: Installed | undefined;
    for (const entry of this.#installed) {
      if (!suits(entry.fault) || !matches(entry.fault, operation)) continue;
      // Every waiting fault sees every matching call, also the calls that another fault hits.
      if (entry.after > 0) entry.after -= 1;
      else taken ??= entry;
    }
    if (taken) {
      taken.times -= 1;
      this.#hit(taken.fault);
    }
    this.#installed = this.#installed.filter((entry) => entry.times > 0);
    return taken?.fault;
  }
}

function matches(fault: Fault, operation: string | undefined): boolean {
  return fault.operation === undefined || fault.operation === operation;
}
