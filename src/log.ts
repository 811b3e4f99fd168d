import { writeSync } from 'node:fs';
import { foreignText } from './core/failure.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
type Fields = Readonly<Record<string, unknown>>;

export type Log = Readonly<Record<Exclude<LogLevel, 'silent'>, (message: string, fields?: Fields) => void>>;

/** Names under which a secret could travel, and what follows `?` in a signed address. */
const secretName = /secret|token|signature|authorization|password|api_?key|access_?key/i;

function shown(name: string, value: unknown): unknown {
  if (secretName.test(name)) return '[redacted]';
  if (value instanceof Error) return foreignText(`${value.name}: ${value.message}`, 500);
  if (typeof value === 'string' || (value !== null && typeof value === 'object'))
    return foreignText(value, 500);
  return value;
}

/**
 * JSON lines to standard error; standard output belongs to the protocol. Signed queries and
 * fields with the name of a secret are redacted, and so is every string in `secrets`.
 */
export function createLog(level: LogLevel, secrets: readonly string[] = []): Log {
  const write = (severity: Exclude<LogLevel, 'silent'>) => (message: string, fields?: Fields) => {
    if (logLevels.indexOf(severity) < logLevels.indexOf(level)) return;
    const entries = Object.entries(fields ?? {}).map(([name, value]) => [name, shown(name, value)]);
    const line = { time: new Date().toISOString(), level: severity, message, ...Object.fromEntries(entries) };
    let text = JSON.stringify(line);
    for (const secret of secrets) text = text.replaceAll(secret, '[redacted]');
    try {
      writeSync(2, `${text}\n`);
    } catch {
      // A host that closed or filled our standard error must not end the jobs.
    }
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
