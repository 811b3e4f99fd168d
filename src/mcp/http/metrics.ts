import type { Counter, Histogram, Registry } from 'prom-client';
import type { Connections } from '../../clouds/accounts.ts';
import type { CloudConnection } from '../../clouds/exchange.ts';
import { acceptedAt, Failure } from '../../core/failure.ts';
import type { Cloud, Operation, Wire } from '../../core/operation.ts';
import type { JobCount } from '../../jobs/rows.ts';
import { version } from '../../version.ts';

const seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 35];

/** What is read at the moment of asking. */
export interface Readings {
  census(): Promise<readonly JobCount[]>;
  openStreams(): Readonly<Record<'legacy' | 'modern', number>>;
  sessions(): number;
}

interface Instruments {
  readonly submits: Histogram;
  readonly polls: Histogram;
  readonly retries: Counter;
}

/** Numbers for operators, in Prometheus' text form. No label names a principal, a job or a task. */
export class Metrics {
  readonly #registry: Registry;
  readonly #instruments: Instruments;

  private constructor(registry: Registry, instruments: Instruments) {
    this.#registry = registry;
    this.#instruments = instruments;
  }

  static async open(readings: Readings): Promise<Metrics> {
    const { default: prometheus } = await import('prom-client');
    const registry = new prometheus.Registry();
    const registers = [registry];
    const gauge = (name: string, help: string, labelNames: string[], collect: (set: Set) => Promise<void>) =>
      new prometheus.Gauge({
        name: `digital_human_${name}`,
        help,
        labelNames,
        registers,
        async collect() {
          this.reset();
          await collect((labels, value) => this.inc(labels, value));
        },
      });
    type Set = (labels: Record<string, string>, value: number) => void;
    const histogram = (name: string, help: string) =>
      new prometheus.Histogram({
        name: `digital_human_${name}`,
        help,
        labelNames: ['operation', 'outcome'],
        buckets: seconds,
        registers,
      });
    prometheus.collectDefaultMetrics({ register: registry });
    gauge('build_info', 'The version that runs.', ['version', 'node'], async (set) =>
      set({ version, node: process.versions.node }, 1),
    );
    gauge('jobs', 'Jobs in the store, by tool and state.', ['operation', 'state'], async (set) => {
      for (const { tool, status, count } of await readings.census())
        set({ operation: tool, state: status }, count);
    });
    gauge('lane_depth', 'Jobs held here until their lane has room.', ['lane'], async (set) => {
      for (const { lane, status, count } of await readings.census())
        set({ lane }, status === 'queued' ? count : 0);
    });
    gauge('open_streams', 'Streams that wait for changes, by protocol era.', ['era'], async (set) => {
      for (const [era, count] of Object.entries(readings.openStreams())) set({ era }, count);
    });
    gauge('sessions', 'Sessions of the 2025 protocol.', [], async (set) => set({}, readings.sessions()));
    return new Metrics(registry, {
      submits: histogram('submit_seconds', 'Time until a cloud answered a submission.'),
      polls: histogram('poll_seconds', 'Time until a cloud answered how a task stands.'),
      retries: new prometheus.Counter({
        name: 'digital_human_retries_total',
        help: 'Exchanges that failed so that they are tried again: questions, and submissions proved not accepted.',
        labelNames: ['operation', 'call'],
        registers,
      }),
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The same connections, timed. */
  observe(connections: Connections, operations: readonly Operation[]): Connections {
    const names = new Map(operations.map(({ wire, name }) => [wire.operation, name]));
    const nameOf = ({ operation }: Wire) => names.get(operation) ?? operation;
    const timed = Object.entries(connections).map(([cloud, connection]) => [
      cloud,
      this.#timed(connection, nameOf),
    ]);
    return Object.fromEntries(timed) as Partial<Record<Cloud, CloudConnection>>;
  }

  #timed(connection: CloudConnection, nameOf: (wire: Wire) => string): CloudConnection {
    const { submits, polls, retries } = this.#instruments;
    const time = async <T>(histogram: Histogram, operation: string, call: () => Promise<T>): Promise<T> => {
      const end = histogram.startTimer({ operation });
      try {
        const answer = await call();
        end({ outcome: 'ok' });
        return answer;
      } catch (error) {
        const stage = error instanceof Failure ? error.stage : undefined;
        end({ outcome: stage ?? 'failed' });
        const again = histogram === polls || (stage !== undefined && isHeld(error as Failure));
        if (again) retries.inc({ operation, call: histogram === polls ? 'query' : 'submit' });
        throw error;
      }
    };
    return {
      ...connection,
      submit: (wire, request) => time(submits, nameOf(wire), () => connection.submit(wire, request)),
      query: (wire, taskId) => time(polls, nameOf(wire), () => connection.query(wire, taskId)),
    };
  }
}

/** Proved not accepted, for a reason that passes: the runner puts the job back. */
function isHeld({ stage, kind }: Failure): boolean {
  return (
    stage !== undefined &&
    acceptedAt[stage] === 'no' &&
    (kind === 'capacity' || kind === 'throttled' || kind === 'network')
  );
}
