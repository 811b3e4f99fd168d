#!/usr/bin/env node
import { readConfig } from './config.ts';
import { Failure } from './core/failure.ts';
import { createLog } from './log.ts';
import { Application } from './mcp/application.ts';
import { runStdio } from './mcp/stdio.ts';
import { settingFacts } from './settings.ts';
import { version } from './version.ts';

const usage = `digital-human-mcp ${version}

  digital-human-mcp [options]             serve MCP on standard input and output
  digital-human-mcp http [options]        serve MCP over HTTP at /mcp; prints its address as one JSON line
  digital-human-mcp token NAME            print a fresh bearer token, and the line to store for it
  digital-human-mcp jobs COMMAND          list, show, watch, adopt, cancel, download, forget or export jobs
  digital-human-mcp doctor [--json]       check this machine, and every cloud's keys, at no cost
  digital-human-mcp emulator [options]    run the three clouds on a loopback port (--port, --speed, --site, --lanes)
  digital-human-mcp demo [--output DIR]   make three videos in the sandbox, with progress

Options (each is also an environment variable; keys are environment variables only):
`;

function help(): string {
  const lines = settingFacts.map(({ flag, toggle, environment, description }) => {
    const name = flag ? `--${flag}${toggle ? '' : ' VALUE'}` : '';
    return `  ${name.padEnd(34)} ${environment}\n${' '.repeat(37)}${description}`;
  });
  return `${usage}${lines.join('\n')}\n`;
}

function noCommand(name: string): Failure {
  return new Failure({
    kind: 'invalid_input',
    message: `There is no command "${name}".`,
    advice: 'See --help.',
  });
}

async function serve(args: readonly string[]): Promise<number> {
  const { config, rest } = readConfig(args, process.env);
  if (rest.length > 0) throw noCommand(rest[0] ?? '');
  const application = new Application(config, createLog(config.logLevel, config.secrets));
  await Promise.race([runStdio(application), untilStopped()]);
  await application.close();
  return 0;
}

/** Until told to stop. A second signal ends the process at once. */
function untilStopped(): Promise<void> {
  return new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

async function serveHttp(args: readonly string[]): Promise<number> {
  const { config, rest } = readConfig(args, process.env);
  if (rest.length > 0) throw noCommand(`http ${rest[0]}`);
  const application = new Application(config, createLog(config.logLevel, config.secrets), 'network');
  const stopped = untilStopped();
  const { startHttp } = await import('./mcp/http/serve.ts');
  const running = await startHttp(application);
  process.stdout.write(`${JSON.stringify({ url: running.url })}\n`);
  await stopped;
  await running.drain();
  await application.close();
  return 0;
}

async function main([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write(help());
      return 0;
    case '--version':
    case '-v':
      process.stdout.write(`${version}\n`);
      return 0;
    case 'http':
      return serveHttp(rest);
    case 'token':
      return (await import('./cli/token.ts')).runToken(rest);
    case 'jobs':
      return (await import('./cli/jobs.ts')).runJobs(rest);
    case 'doctor':
      return (await import('./cli/doctor.ts')).runDoctor(rest);
    case 'emulator':
      return (await import('./cli/emulator.ts')).runEmulator(rest);
    case 'demo':
      return (await import('./cli/demo.ts')).runDemo(rest);
    default:
      return serve(process.argv.slice(2));
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Failure))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const problems = error.problems.map(
    ({ field, value, limit, mend }) => `  ${field}${value ? ` "${value}"` : ''} ${limit}. ${mend}`,
  );
  return [error.message, ...problems, error.advice].join('\n');
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${explain(error)}\n`);
    // 2: it was called in a wrong way. 1: what was asked for could not be done.
    process.exit(error instanceof Failure && error.kind !== 'invalid_input' ? 1 : 2);
  },
);
