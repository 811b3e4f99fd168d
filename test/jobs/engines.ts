import { afterAll, describe, it } from 'vitest';
import { createLog } from '../../src/log.ts';
import { openPostgres } from '../../src/jobs/postgres/open.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { scratchFile } from './harness.ts';
import { startPostgres } from './postgres-server.ts';

export interface StoreEngine {
  readonly engine: string;
  /** Share of a property's runs: a round trip to a server costs more than a call of a function. */
  readonly share: number;
  /** Whether writers of one process may run at once: on a file, each blocks the thread that the other needs. */
  readonly sideBySide: boolean;
  /** The address of a new, empty store. */
  readonly place: () => Promise<string>;
}

export const server = await startPostgres();
afterAll(() => server?.stop());

let template: Promise<string> | undefined;

async function prepared(): Promise<string> {
  const url = (await server?.database()) ?? '';
  await (await JobStore.open(await openPostgres(url, createLog('silent')), 'template', Date.now)).close();
  return url;
}

const sqlite: StoreEngine = {
  engine: 'SQLite',
  share: 1,
  sideBySide: false,
  place: async () => scratchFile(),
};
const postgres: StoreEngine = {
  engine: 'PostgreSQL',
  share: 0.2,
  sideBySide: true,
  place: async () => {
    template ??= prepared();
    return server?.database(await template) ?? '';
  },
};

/** Everything that can hold jobs. What is promised of one is tried on each. */
export const engines: readonly StoreEngine[] = server ? [sqlite, postgres] : [sqlite];

if (!server)
  describe.skip('on PostgreSQL', () => it('cannot run here, for the reason printed above', () => {}));
