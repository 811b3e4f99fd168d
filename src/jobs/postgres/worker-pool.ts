import pg from 'pg';

type Release = pg.PoolClient['release'];
type Connected = (error: Error | undefined, client: pg.PoolClient | undefined, release: Release) => void;

function once(release: Release): Release {
  let released = false;
  return (destroy) => {
    if (!released) release(destroy);
    released = true;
  };
}

/**
 * Connections for graphile-worker, which gives one back twice when it breaks while the worker stops (0.17.3): the
 * second time would throw where nobody catches it, and end the process.
 */
export class WorkerPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | void {
    if (connected) return super.connect((error, client, release) => connected(error, client, once(release)));
    return super.connect().then((client) => {
      client.release = once(client.release.bind(client));
      return client;
    });
  }
}
