import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import { Failure, foreignText } from '../core/failure.ts';
import { createLog, type Log } from '../log.ts';

/** A command's own options: `text` takes a value, `switch` does not. */
type Options = Readonly<Record<string, 'text' | 'switch'>>;

type Given<O extends Options> = { readonly [Name in keyof O]?: O[Name] extends 'text' ? string : boolean };

export interface Command<O extends Options> {
  readonly given: Given<O>;
  /** What stands beside the options. */
  readonly words: readonly string[];
  readonly config: Config;
  readonly log: Log;
}

export function usageFailure(message: string, advice: string): Failure {
  return new Failure({ kind: 'invalid_input', message, advice });
}

/**
 * Reads a command's own options; all others are settings.
 * @throws `invalid_input` with everything that is wrong with the settings, or the first wrong option
 */
export function readCommand<O extends Options>(args: readonly string[], options: O): Command<O> {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, kind]) => [
        name,
        { type: kind === 'text' ? 'string' : 'boolean' } as const,
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Record<string, string | boolean> = {};
  const taken = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== 'option' || !Object.hasOwn(options, token.name)) continue;
    if (options[token.name] === 'text' && token.value === undefined)
      throw usageFailure(`--${token.name} needs a value.`, `Write --${token.name} VALUE.`);
    given[token.name] = options[token.name] === 'text' ? (token.value ?? '') : true;
    taken.add(token.index);
    if (token.value !== undefined && !token.inlineValue) taken.add(token.index + 1);
  }
  const { config, rest } = readConfig(
    args.filter((_, index) => !taken.has(index)),
    process.env,
  );
  // A person wants to hear of trouble, not of every download.
  const level = config.logLevel === 'info' ? 'warn' : config.logLevel;
  return { given: given as Given<O>, words: rest, config, log: createLog(level, config.secrets) };
}

/** A whole number from an option. @throws `invalid_input` */
export function wholeNumber(name: string, value: string | undefined, min: number, max: number) {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (/^\d+$/.test(value) && parsed >= min && parsed <= max) return parsed;
  throw usageFailure(
    `--${name} cannot be "${foreignText(value, 40)}".`,
    `Use a whole number from ${min} to ${max}.`,
  );
}
