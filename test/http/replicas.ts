import { setTimeout as pause } from 'node:timers/promises';
import {
  type EmulatorProcess,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import type { Answer } from '../harness/sessions.ts';
import type { PostgresServer } from '../jobs/postgres-server.ts';
import { connect, type HttpCaller } from './callers.ts';
import { type HttpServerProcess, startHttpServer, tokensFile, until } from './server.ts';

export interface Load {
  readonly jobs: number;
  readonly principals: number;
  /** What each lane may hold: the servers keep to it, the emulator would take many more. */
  readonly lanes: Readonly<Record<string, number>>;
  /** How much faster than real time the clouds run. */
  readonly speed: number;
  /** Do not wait until the leases of the killed replica have run out: age them, as time would. */
  readonly ageLeases: boolean;
}

/** One submission that somebody wants, however often it has to be asked for. */
interface Intent {
  readonly key: string;
  readonly owner: string;
  jobId?: string;
}

export interface Tally {
  readonly intents: readonly Intent[];
  /** State of every stored job at the end, by id. */
  readonly ended: ReadonlyMap<string, { readonly status: string; readonly principal: string }>;
  /** Submissions that the emulator accepted, by intent. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Lane by lane: the most tasks that the emulator had at once. */
  readonly most: Readonly<Record<string, number>>;
  /** Jobs whose end was told to its owner's session on the replica that stayed. */
  readonly heard: ReadonlySet<string>;
  /** Subscribed to only after they had ended. */
  readonly late: ReadonlySet<string>;
  /** What a principal was told of and does not own, or was shown. */
  readonly foreign: readonly string[];
  /** Answers to questions after other principals' jobs, all of which must be refusals. */
  readonly probes: readonly Answer[];
  /** Submissions in the hands of the killed replica at its death: nobody can know how they ended. */
  readonly cutShort: number;
  readonly drainedWith: number | null;
  readonly submitMs: readonly number[];
  readonly noticeMs: readonly number[];
  readonly minutes: number;
  /** Calls that were asked of another replica, since the first had gone. */
  readonly repeated: number;
  readonly faults: readonly string[];
}

const ended = "('succeeded', 'failed', 'cancelled', 'unknown')";
const jobsTable = 'digital_human.jobs';

/** Three servers on one database, of which one is killed and one is drained while principals submit. */
export class Replicas {
  readonly #load: Load;
  readonly #database: PostgresServer;
  readonly #url: string;
  readonly #emulator: EmulatorProcess;
  readonly #media: Media;
  readonly #place: Awaited<ReturnType<typeof scratch>>;
  readonly #servers: HttpServerProcess[] = [];
  /** Where calls may go; a replica that dies or drains is found out by its callers. */
  readonly #gone = new Set<HttpServerProcess>();
  readonly #tokens: Record<string, string> = {};
  readonly #callers = new Map<string, HttpCaller[]>();
  readonly #sessions = new Map<string, HttpCaller>();
  readonly #notices = new Map<string, number[]>();
  readonly #late = new Set<string>();
  readonly #foreign: string[] = [];
  readonly #submitMs: number[] = [];
  readonly #intents: Intent[] = [];
  #repeated = 0;

  private constructor(
    load: Load,
    database: PostgresServer,
    parts: {
      url: string;
      emulator: EmulatorProcess;
      media: Media;
      place: Awaited<ReturnType<typeof scratch>>;
    },
  ) {
    this.#load = load;
    this.#database = database;
    this.#url = parts.url;
    this.#emulator = parts.emulator;
    this.#media = parts.media;
    this.#place = parts.place;
  }

  static async open(load: Load, database: PostgresServer): Promise<Replicas> {
    const rooms = Object.keys(load.lanes).map((lane) => `${lane}=100000`);
    const replicas = new Replicas(load, database, {
      url: await database.database(),
      emulator: await startEmulator(load.speed, ['--lanes', rooms.join(',')]),
      media: await serveDemoMedia(),
      place: await scratch(),
    });
    await replicas.#start();
    return replicas;
  }

  async #start(): Promise<void> {
    const names = Array.from({ length: this.#load.principals }, (_, n) => `principal-${n}`);
    const both = ['jobs:read', 'jobs:write'];
    const file = await tokensFile(this.#place.path, Object.fromEntries(names.map((name) => [name, both])));
    Object.assign(this.#tokens, file.tokens);
    const environment = {
      ...this.#emulator.environment,
      DIGITAL_HUMAN_DATABASE_URL: this.#url,
      DIGITAL_HUMAN_DATA_DIR: this.#place.path,
      DIGITAL_HUMAN_PREFLIGHT: 'off',
      DIGITAL_HUMAN_LANES: Object.entries(this.#load.lanes)
        .map(([lane, size]) => `${lane}=${size}`)
        .join(','),
    };
    const limits = ['--http-rate', '100000', '--http-burst', '100000', '--http-jobs', '100000'];
    for (let n = 0; n < 3; n++)
      this.#servers.push(await startHttpServer(environment, ['--http-tokens-file', file.path, ...limits]));
    for (const name of names) {
      const token = this.#tokens[name];
      const callers = this.#servers.map(({ url }) => connect('modern', url, { token }));
      this.#callers.set(name, await Promise.all(callers));
      const session = await connect('legacy', this.#servers.at(-1)?.url ?? '', { token });
      this.#sessions.set(name, session);
      // Sets who is called at a change; the list itself is followed too.
      await session.subscribe(['digital-human://jobs'], (uri) => this.#heard(name, uri));
    }
  }

  #heard(name: string, uri: string): void {
    const id = /^digital-human:\/\/jobs\/(.+)$/.exec(uri)?.[1];
    if (id === undefined) return;
    const times = this.#notices.get(`${name} ${id}`) ?? [];
    this.#notices.set(`${name} ${id}`, [...times, Date.now()]);
  }

  /** Calls any replica that is there, and the next one when it goes away: what an agent behind a balancer sees. */
  async #call(name: string, start: number, tool: string, input: Record<string, unknown>): Promise<Answer> {
    const callers = this.#callers.get(name) ?? [];
    for (let tries = 0; tries < 30; tries++) {
      const turn = (start + tries) % callers.length;
      const server = this.#servers[turn];
      if (!server || this.#gone.has(server)) continue;
      try {
        return (await callers[turn]?.call(tool, input)) as Answer;
      } catch {
        this.#repeated++;
        await pause(20);
      }
    }
    throw new Error(`no replica answers ${tool}`);
  }

  async #submit(intent: Intent, n: number): Promise<void> {
    const began = performance.now();
    const repeated = this.#repeated;
    const about = `?intent=${intent.key}`;
    const [tool, input]: [string, Record<string, string>] =
      n % 3 === 0
        ? ['submit_portrait_sing', { image_url: this.#media.portrait + about, audio_url: this.#media.line }]
        : [
            'photo_to_video',
            {
              ref_photo_url: this.#media.portrait + about,
              driver_type: 'OriginalVoice',
              input_audio_url: this.#media.line,
            },
          ];
    const answer = await this.#call(intent.owner, n, tool, {
      ...input,
      idempotency_key: intent.key,
    });
    const { job_id: id, status } = answer.structured ?? {};
    if (answer.isError || id === undefined) throw new Error(`${intent.key}: ${answer.text}`);
    if (repeated === this.#repeated) this.#submitMs.push(performance.now() - began);
    intent.jobId = id;
    const session = this.#sessions.get(intent.owner);
    await session?.subscribe([`digital-human://jobs/${id}`], (uri) => this.#heard(intent.owner, uri));
    const now = await this.#call(intent.owner, 2, 'get_progress', { job_id: id });
    const over = new Set<string>(['succeeded', 'unknown']);
    if (over.has(status ?? '') || over.has(now.structured?.status ?? '')) this.#late.add(id);
  }

  async #principal(name: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const intent: Intent = { key: `${name}-${n}`, owner: name };
      this.#intents.push(intent);
      await this.#submit(intent, n);
    }
  }

  async #count(where: string): Promise<number> {
    const text = `select count(*)::int as count from ${jobsTable} where ${where}`;
    const [row] = await this.#database.query(this.#url, text);
    return Number(row?.count);
  }

  /** kill -9 for the first replica, if it can be had in the middle of a submission. */
  async #kill(server: HttpServerProcess): Promise<number> {
    let [held, cutShort] = ['', 0];
    for (let tries = 0; tries < 5 && cutShort === 0; tries++) {
      server.signal('SIGCONT');
      await pause(200);
      server.signal('SIGSTOP');
      const stoppedAt = Date.now();
      // What the others hold is given back long before.
      await pause(2_500);
      held = `lease_until between ${stoppedAt} and ${stoppedAt + 120_000}`;
      cutShort = await this.#count(`status = 'submitting' and ${held}`);
    }
    this.#gone.add(server);
    server.signal('SIGKILL');
    await server.ended;
    if (this.#load.ageLeases)
      await this.#database.query(
        this.#url,
        `update ${jobsTable} set lease_until = ${Date.now()} where ${held}`,
      );
    return cutShort;
  }

  /** Everything from the first submission to the last end. */
  async run(): Promise<Tally> {
    const { jobs, principals } = this.#load;
    const [first, second] = this.#servers;
    if (!first || !second) throw new Error('there are no replicas');
    // Long enough under way that a replica which dies has some in its hands.
    await this.#emulator.fault({ fault: 'delay', call: 'submit', ms: 150, times: 100_000 });
    const began = Date.now();
    const names = [...this.#callers.keys()];
    const submitting = Promise.all(names.map((name) => this.#principal(name, jobs / principals)));
    await until(async () => (await this.#count(`status = 'succeeded'`)) > jobs / 4, 600_000);
    const cutShort = await this.#kill(first);
    await until(async () => (await this.#count(`status = 'succeeded'`)) > jobs / 2, 600_000);
    second.signal('SIGTERM');
    const drainedWith = await second.ended;
    this.#gone.add(second);
    await submitting;
    await until(async () => (await this.#count(`status not in ${ended}`)) === 0, 900_000);
    const minutes = (Date.now() - began) / 60_000;
    return { ...(await this.#collect()), cutShort, drainedWith, minutes };
  }

  async #collect() {
    const rows = await this.#database.query(
      this.#url,
      `select id, status, principal, updated_at from ${jobsTable}`,
    );
    const found = new Map(
      rows.map((row) => [String(row.id), { status: String(row.status), principal: String(row.principal) }]),
    );
    const owners = new Map(this.#intents.map(({ jobId, owner }) => [jobId ?? '', owner]));
    const endings = new Map(rows.map((row) => [String(row.id), Number(row.updated_at)]));
    const missing = () =>
      [...owners].filter(([id, owner]) => {
        const times = this.#notices.get(`${owner} ${id}`) ?? [];
        return !this.#late.has(id) && !times.some((at) => at >= (endings.get(id) ?? 0));
      });
    // The last words may still be under way.
    await until(() => missing().length === 0, 20_000).catch(() => undefined);
    const [heard, noticeMs] = [new Set<string>(), [] as number[]];
    for (const [id, owner] of owners) {
      const at = this.#notices.get(`${owner} ${id}`)?.find((time) => time >= (endings.get(id) ?? 0));
      if (at === undefined) continue;
      heard.add(id);
      if (!this.#late.has(id)) noticeMs.push(at - (endings.get(id) ?? 0));
    }
    for (const name of this.#notices.keys()) {
      const [owner, id] = name.split(' ');
      if (owners.get(id ?? '') !== owner) this.#foreign.push(`${owner} was told of ${id}`);
    }
    const accepted = new Map<string, number>();
    for (const { request } of await this.#emulator.submissions()) {
      const intent = /intent=([\w-]+)/.exec(JSON.stringify(request))?.[1] ?? 'none';
      accepted.set(intent, (accepted.get(intent) ?? 0) + 1);
    }
    const lanes = (await (await fetch(`${this.#emulator.url}/_emulator/lanes`)).json()) as Record<
      string,
      { most: number }
    >;
    return {
      intents: this.#intents,
      ended: found,
      accepted,
      most: Object.fromEntries(Object.keys(this.#load.lanes).map((lane) => [lane, lanes[lane]?.most ?? 0])),
      heard,
      late: this.#late,
      probes: await this.#probe(owners),
      foreign: this.#foreign,
      submitMs: this.#submitMs,
      noticeMs,
      repeated: this.#repeated,
      faults: this.#servers
        .flatMap((server) => server.errors().split('\n'))
        .filter((line) => /"level":"error"/.test(line)),
    };
  }

  /** Every principal lists what it can see, and asks after a job of its neighbour. */
  async #probe(owners: ReadonlyMap<string, string>): Promise<Answer[]> {
    const probes: Answer[] = [];
    const names = [...this.#callers.keys()];
    for (const [at, name] of names.entries()) {
      const seen: string[] = [];
      for (let cursor: unknown = ''; cursor !== undefined; ) {
        const given = cursor === '' ? {} : { cursor };
        const { structured } = await this.#call(name, 2, 'list_jobs', { limit: 100, ...given });
        const page = structured as unknown as { jobs: Array<{ job_id: string }>; next_cursor?: string };
        seen.push(...page.jobs.map(({ job_id: id }) => id));
        cursor = page.next_cursor;
      }
      const own = [...owners].filter(([, owner]) => owner === name).length;
      if (seen.length !== own) this.#foreign.push(`${name} is shown ${seen.length} jobs of ${own}`);
      for (const id of seen) if (owners.get(id) !== name) this.#foreign.push(`${name} is shown ${id}`);
      const neighbour = names[(at + 1) % names.length];
      const [theirs] = [...owners].find(([, owner]) => owner === neighbour) ?? [];
      probes.push(await this.#call(name, 2, 'get_progress', { job_id: theirs ?? '' }));
    }
    return probes;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.close().catch(() => {});
    for (const callers of this.#callers.values())
      for (const caller of callers) await caller.close().catch(() => {});
    for (const server of this.#servers) if (!this.#gone.has(server)) await server.stop();
    await this.#emulator.stop();
    await this.#media.close();
    await this.#place.remove();
  }
}
