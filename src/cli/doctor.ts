import { variablesOf } from '../clouds/credentials.ts';
import type { Config } from '../config.ts';
import { foreignText } from '../core/failure.ts';
import { type Cloud, clouds } from '../core/operation.ts';
import { Application } from '../mcp/application.ts';
import { version } from '../version.ts';
import { readCommand, usageFailure } from './arguments.ts';
import { type Check, type Finding, runChecks, type Verdict } from './doctor-checks.ts';
import { cloudCheck } from './doctor-clouds.ts';
import { machineChecks } from './doctor-machine.ts';
import { misplaced, otherPlaces } from './doctor-sites.ts';
import { flushOutput, terminalColumns, wrap } from './terminal.ts';

const usage = `digital-human-mcp doctor [--json] [--sandbox] [options]

Checks Node.js, SQLite, the directories and the job file, ffmpeg, and of every cloud with keys the keys, the site and
the clock, by asking after a task that does not exist: that costs nothing. With --sandbox the clouds are the emulator's.
Exit codes: 0 all right, 1 something is wrong, 2 wrong settings.
`;

const marks: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  warning: 'warn',
  failed: 'FAIL',
  skipped: '-',
};

function unconfigured(cloud: Cloud, wanted: boolean): Finding {
  const check = `${clouds[cloud]}: keys`;
  const detail = `not set: ${variablesOf[cloud]}`;
  if (!wanted) return { check, verdict: 'skipped', detail };
  return {
    check,
    verdict: 'failed',
    detail,
    mend: 'Set them, or take the cloud out of DIGITAL_HUMAN_CLOUDS.',
  };
}

function bucketCheck(application: Application): Check {
  const name = 'bucket';
  return {
    name,
    async look(signal) {
      const bucket = await application.bucket();
      if (!bucket) return [{ check: name, verdict: 'skipped', detail: 'none is set' }];
      const answer = await bucket.check(signal);
      return [
        answer === 'reached'
          ? { check: name, verdict: 'ok', detail: 'there, and its keys are accepted' }
          : {
              check: name,
              verdict: 'warning',
              detail: 'it denies what is not there: whether its keys may put and get shows at the first file',
              mend: 'Allow these keys to list the bucket, if you want to know now.',
            },
      ];
    },
  };
}

async function cloudChecks(application: Application, config: Config): Promise<Check[]> {
  const operations = await application.operations();
  const question = { accounts: config.accounts, operations, now: () => application.now() };
  const names = Object.keys(clouds) as Cloud[];
  const { listed, accounts } = config;
  if (names.every((cloud) => !accounts[cloud]) && !Array.isArray(listed)) {
    const nothing: Finding = {
      check: 'clouds',
      verdict: 'failed',
      detail: 'no cloud has keys, and so nothing can be made',
      mend: `Set ${(['vclm', 'ivh', 'dashscope'] as const).map((cloud) => variablesOf[cloud]).join(', or ')}; or use --sandbox, which needs none.`,
    };
    return [{ name: 'clouds', look: async () => [nothing] }];
  }
  return names.map((cloud) =>
    accounts[cloud]
      ? cloudCheck(cloud, question, otherPlaces(cloud, config), misplaced(cloud, config))
      : {
          name: cloud,
          look: async () => [unconfigured(cloud, Array.isArray(listed) && listed.includes(cloud))],
        },
  );
}

/** The same report without any of the strings that must not be told. */
function withoutKeys(findings: readonly Finding[], secrets: readonly string[]): Finding[] {
  const clean = (text: string) =>
    secrets.reduce((kept, secret) => kept.replaceAll(secret, '[redacted]'), text);
  return findings.map(({ check, verdict, detail, mend }) => ({
    check,
    verdict,
    detail: clean(foreignText(detail, 600)),
    ...(mend !== undefined && { mend: clean(mend) }),
  }));
}

function printTable(findings: readonly Finding[]): void {
  const longest = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(longest + 8);
  const room = (terminalColumns(process.stdout) ?? Number.POSITIVE_INFINITY) - indent.length;
  for (const { check, verdict, detail, mend } of findings) {
    const text = verdict === 'ok' || verdict === 'skipped' || !mend ? [detail] : [detail, `-> ${mend}`];
    const lines = text.flatMap((each) => wrap(each, Math.max(30, room)));
    const [first = '', ...rest] = lines;
    process.stdout.write(`${marks[verdict].padEnd(4)}  ${check.padEnd(longest)}  ${first}\n`);
    for (const line of rest) process.stdout.write(`${indent}${line}\n`);
  }
}

/** Checks this machine and the clouds. 0: all right; 1: something is wrong. */
export async function runDoctor(args: readonly string[]): Promise<number> {
  const { given, words, config, log } = readCommand(args, { json: 'switch', help: 'switch' } as const);
  if (given.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (words.length > 0)
    throw usageFailure(
      `doctor takes no "${foreignText(words[0], 40)}".`,
      'See "digital-human-mcp doctor --help".',
    );
  const application = new Application(config, log);
  const sandbox = config.sandbox
    ? await (await import('../mcp/sandbox.ts')).startSandbox(config, log)
    : undefined;
  const accounts = sandbox?.accounts ?? config.accounts;
  try {
    const checks = [
      ...machineChecks(config, application.jobFile()),
      bucketCheck(application),
      ...(await cloudChecks(application, { ...config, accounts })),
    ];
    const findings = withoutKeys(await runChecks(checks), config.secrets);
    const ok = findings.every(({ verdict }) => verdict !== 'failed');
    if (given.json) process.stdout.write(`${JSON.stringify({ version, ok, checks: findings }, null, 2)}\n`);
    else {
      printTable(findings);
      const wrong = findings.filter(({ verdict }) => verdict === 'failed').length;
      process.stdout.write(ok ? '\nAll right.\n' : `\n${wrong} thing(s) to mend.\n`);
    }
    return ok ? 0 : 1;
  } finally {
    await sandbox?.close();
    await application.close();
    await flushOutput();
  }
}
