import { Failure } from '../core/failure.ts';
import { newToken } from '../mcp/http/tokens.ts';

/** Prints a fresh bearer token, once, and the line that lets a server know it without knowing it. */
export function runToken([name, ...rest]: readonly string[]): number {
  if (name === undefined || rest.length > 0)
    throw new Failure({
      kind: 'invalid_input',
      message: 'A token needs one name: its jobs belong to it.',
      advice: 'Write `digital-human-mcp token NAME`.',
    });
  const { token, line } = newToken(name);
  const told = [
    'Token, shown this once. Give it to the caller, who sends it as "Authorization: Bearer TOKEN":',
    token,
    'Line for DIGITAL_HUMAN_HTTP_TOKENS_FILE. Leave "jobs:write" out of it for a caller that may only look:',
    line,
  ];
  process.stdout.write(`${told.join('\n')}\n`);
  return 0;
}
