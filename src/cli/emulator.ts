import { parseArgs } from 'node:util';
import { Failure } from '../core/failure.ts';
import { announcement, startEmulator } from '../emulator/server.ts';
import { createLog } from '../log.ts';

function number(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (value.trim() !== '' && parsed >= min && parsed <= max) return parsed;
  throw new Failure({
    kind: 'invalid_input',
    message: `--${name} cannot be "${value}".`,
    advice: `Use a number from ${min} to ${max}.`,
  });
}

/** Room by lane, as the setting DIGITAL_HUMAN_LANES says it: `ivh-speech=2,ivh-video=10`. */
function lanes(value: string | undefined): Record<string, number> | undefined {
  const each = value?.split(',').map((lane) => lane.split('=')) ?? [];
  return value === undefined
    ? undefined
    : Object.fromEntries(
        each.map(([name = '', size]) => [name, number('lanes', size ?? '', 0, 100_000) ?? 0]),
      );
}

/** Runs the emulator until it is told to stop. Its first line on standard output says address and keys. */
export async function runEmulator(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string' },
      speed: { type: 'string' },
      site: { type: 'string' },
      'result-lifetime': { type: 'string' },
      lanes: { type: 'string' },
    },
  });
  const { site } = values;
  if (site !== undefined && site !== 'cn' && site !== 'intl')
    throw new Failure({
      kind: 'invalid_input',
      message: `--site cannot be "${site}".`,
      advice: 'Use cn or intl.',
    });
  const log = createLog('info');
  const emulator = await startEmulator({
    port: number('port', values.port, 0, 65_535),
    speed: number('speed', values.speed, 0.1, 10_000),
    site,
    resultLifetimeSeconds: number('result-lifetime', values['result-lifetime'], 1, 10_000_000),
    lanes: lanes(values.lanes),
    log: (message, fields) => log.info(message, fields),
  });
  process.stdout.write(`${announcement(emulator)}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await emulator.close();
  return 0;
}
