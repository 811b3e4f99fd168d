import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../../src/config.ts';
import { openSession } from '../harness/sessions.ts';
import { type Case, cases, localMedia } from './cases.ts';

const usage = `npm run test:live -- [--yes] [--cap-seconds N] [--media-url ADDRESS] [--only WORDS]

Runs the emulator's own cases against the clouds whose keys are in the environment. Without --yes it only says what it
would run. --cap-seconds (30): the most seconds of result that may be billed in all. --media-url: where portrait.jpg,
line.mp3, clip.mp4 and slides.pptx can be fetched from; cases that need them are left out without it.
`;

interface Options {
  readonly cap: number;
  readonly mediaUrl?: string;
  readonly only?: string;
}

interface Planned {
  readonly each: Case;
  /** Why it is left out; undefined when it will run. */
  readonly without?: string;
}

/** What will run, in the order of the list, for as long as the cap has room. */
function plan(accounts: object, { cap, mediaUrl, only }: Options): Planned[] {
  let left = cap;
  return cases.map((each) => {
    if (!(each.cloud in accounts)) return { each, without: 'no keys' };
    if (only && !each.name.includes(only)) return { each, without: 'not asked for' };
    if (each.needsPublicMedia && !mediaUrl) return { each, without: 'needs --media-url' };
    if (each.seconds > left) return { each, without: `over the cap: ${left} s left` };
    left -= each.seconds;
    return { each };
  });
}

const say = (line: string) => process.stdout.write(`${line}\n`);

async function run(planned: readonly Planned[], mediaUrl: string | undefined): Promise<number> {
  const place = await mkdtemp(join(tmpdir(), 'digital-human-live-'));
  const session = await openSession('modern', {
    // The keys, and whatever else says where the clouds are: all of it is the caller's.
    environment: Object.fromEntries(
      Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
    ),
    args: ['--clouds', 'all', '--data-dir', place, '--media-dirs', localMedia],
  });
  let failed = 0;
  try {
    for (const { each } of planned.filter(({ without }) => without === undefined)) {
      const started = Date.now();
      const fault = await each.run({ session, publicMedia: mediaUrl }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      if (fault) failed++;
      say(`${fault ? 'FAIL' : 'ok  '}  ${each.name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
      if (fault) say(`      ${fault.replaceAll('\n', '\n      ')}`);
    }
  } finally {
    await session.close();
    // What was paid for is not thrown away.
    if (failed === 0) await rm(place, { recursive: true, force: true });
    else say(`Jobs and results are kept in ${place}`);
  }
  return failed;
}

/** @returns the exit code: 0 when nothing failed, 1 when a case did, 2 when it was called in a wrong way. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      yes: { type: 'boolean', default: false },
      'cap-seconds': { type: 'string', default: '30' },
      'media-url': { type: 'string' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const cap = Number(values['cap-seconds']);
  const mediaUrl = values['media-url']?.replace(/\/?$/, '/');
  if (values.help || !(cap >= 0) || (mediaUrl && !URL.canParse(mediaUrl))) {
    say(usage);
    return values.help ? 0 : 2;
  }
  const planned = plan(readConfig([], process.env).config.accounts, { cap, mediaUrl, only: values.only });
  const running = planned.filter(({ without }) => without === undefined);
  const seconds = running.reduce((sum, { each }) => sum + each.seconds, 0);
  for (const { each, without } of planned)
    say(`${(without ?? 'will run').padEnd(24)} ${`${each.seconds} s`.padStart(5)}  ${each.name}`);
  say(
    `\n${running.length} of ${planned.length} cases; at most ${seconds} s of result are billed, of ${cap} s.`,
  );
  if (running.length === 0 || !values.yes) {
    say(running.length === 0 ? 'Nothing to run.' : 'Nothing was sent. Add --yes to run them.');
    return 0;
  }
  const failed = await run(planned, mediaUrl);
  say(`\n${running.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
