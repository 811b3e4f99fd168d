import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Application } from './application.ts';
import { createServer } from './server.ts';

/** Time for the first tool list to go out before the job file is opened behind it. */
const resumeDelayMs = 400;

/**
 * Serves MCP on standard input and output, in whichever protocol era the host opens with.
 * Resolves when the host has closed its end: the SDK's transport does not end a process that has timers.
 */
export async function runStdio(application: Application): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve);
    process.stdin.once('close', resolve);
    process.stdout.once('error', resolve);
  });
  const handle = serveStdio(({ era }) => createServer(application, era), {
    onerror: (error) => application.log.warn('protocol error', { error }),
  });
  if (application.config.download === 'auto') application.downloadAutomatically();
  const resume = setTimeout(() => {
    if (!application.mayHaveJobs()) return;
    application
      .engine()
      .catch((error: unknown) => application.log.error('jobs could not be resumed', { error }));
  }, resumeDelayMs);
  await ended;
  clearTimeout(resume);
  await handle.close();
}
