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
  digital-human-mcp emulator [options]    run the three clouds on a loopback port (--port, --speed, --site)
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

async function serve(args: readonly string[]): Promise<number> {
  const { config, rest } = readConfig(args, process.env);
  if (rest.length > 0)
    throw new Failure({
      kind: 'invalid_input',
      message: `There is no command "${rest[0]}".`,
      advice: 'See --help.',
    });
  const application = new Application(config, createLog(config.logLevel, config.secrets));
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await Promise.race([runStdio(application), stopped]);
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
    process.exit(2);
  },
);
