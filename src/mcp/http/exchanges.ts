import { createMcpHandler, type McpHttpHandler, type ServerEventBus } from '@modelcontextprotocol/server';
import { Failure } from '../../core/failure.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import { holds } from '../allowance.ts';
import type { Application } from '../application.ts';
import type { Caller } from '../caller.ts';
import { collectionUris, itemOf, jobUri } from '../resource-uris.ts';
import { createServer } from '../server.ts';
import { refusal } from './refusal.ts';
import { whenDone } from './streams.ts';

/** Resources that one stream may follow: each costs a look at the store. */
const maxFollowed = 256;

interface Entry {
  readonly handler: McpHttpHandler;
  /** Requests under way. At none the entry is dropped: principals that left take no memory. */
  uses: number;
  /** Set before the first stream is opened. */
  jobs?: Jobs;
}

interface Listen {
  id?: unknown;
  params?: { notifications?: { resourceSubscriptions?: unknown } };
}

/** The 2026 protocol: every exchange stands alone. A handler for each principal, whose bus carries its jobs only. */
export class Exchanges {
  readonly #application: Application;
  readonly #entries = new Map<string, Entry>();

  constructor(application: Application) {
    this.#application = application;
  }

  async fetch(request: Request, caller: Caller, body: unknown, listens: boolean): Promise<Response> {
    let jobs: Jobs | undefined;
    if (listens) {
      try {
        jobs = await this.#application.jobs(caller);
        const refused = await this.#narrow(jobs, body as Listen);
        if (refused) return refused;
      } catch (error) {
        this.#application.log.error('a subscription could not be opened', { error });
        const message = error instanceof Failure ? `${error.message} ${error.advice}` : 'This server failed.';
        return refusal(200, message, { code: -32603, id: (body as Listen).id });
      }
    }
    const entry = this.#entryOf(caller);
    entry.jobs ??= jobs;
    entry.uses += 1;
    const response = await entry.handler.fetch(request, { parsedBody: body });
    return whenDone(response, request.signal, () => {
      entry.uses -= 1;
      if (entry.uses === 0 && this.#entries.get(caller.principal) === entry)
        this.#entries.delete(caller.principal);
    });
  }

  /** Takes out the jobs that the caller does not have: the acknowledgement then leaves them out. */
  async #narrow(jobs: Jobs, { id, params }: Listen): Promise<Response | undefined> {
    const wanted = params?.notifications?.resourceSubscriptions;
    if (!params?.notifications || !Array.isArray(wanted)) return undefined;
    if (wanted.length > maxFollowed)
      return refusal(200, `Follow at most ${maxFollowed} resources by one stream.`, { code: -32602, id });
    const kept: unknown[] = [];
    for (const uri of wanted) {
      const job = typeof uri === 'string' ? itemOf('jobs', uri) : undefined;
      if (job === undefined || (await holds(jobs, job))) kept.push(uri);
    }
    params.notifications.resourceSubscriptions = kept;
    return undefined;
  }

  #entryOf(caller: Caller): Entry {
    const known = this.#entries.get(caller.principal);
    if (known) return known;
    const application = this.#application;
    const bus: ServerEventBus = {
      publish: () => {},
      subscribe: (listener) => {
        const unlisten = entry.jobs?.listen((job) => {
          for (const uri of [jobUri(job.id), collectionUris.jobs])
            listener({ kind: 'resource_updated', uri });
        });
        return () => unlisten?.();
      },
    };
    const handler = createMcpHandler(() => createServer(application, 'modern', caller), {
      legacy: 'reject',
      bus,
      maxRequestBodySize: application.config.http.maxBodyBytes,
      onerror: (error) => application.log.debug('protocol error', { error }),
    });
    const entry: Entry = { handler, uses: 0 };
    this.#entries.set(caller.principal, entry);
    return entry;
  }

  /** Ends every stream with the result that the protocol has for that, and cuts what is still under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ handler }) => handler.close()));
  }
}
