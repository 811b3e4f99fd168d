import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { Failure, foreignText, type Problem } from '../../core/failure.ts';
import { scopeNames } from '../caller.ts';

/** One line of the tokens file. The token itself is nowhere but with its holder. */
const storedToken = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, "_", "." or "-"'),
  sha256: z.string().regex(/^[\da-f]{64}$/i, 'must be 64 hexadecimal digits'),
  scopes: z.array(z.enum(scopeNames)).min(1),
});

export interface StoredToken {
  readonly name: string;
  readonly digest: Buffer;
  readonly scopes: readonly string[];
}

const digestOf = (token: string) => createHash('sha256').update(token).digest();

/** A fresh token of 256 random bits, and the line to store for it. Throws `invalid_input` for a name that cannot be stored. */
export function newToken(name: string): { token: string; line: string } {
  const token = `dh_${randomBytes(32).toString('base64url')}`;
  const stored = storedToken.safeParse({ name, sha256: digestOf(token).toString('hex'), scopes: scopeNames });
  if (stored.success) return { token, line: JSON.stringify(stored.data) };
  throw new Failure({
    kind: 'invalid_input',
    message: `A token cannot be called "${foreignText(name, 80)}".`,
    advice: `Its name ${stored.error.issues[0]?.message ?? 'is not fit'}.`,
  });
}

function parseLines(text: string): Array<{ at: string; value: unknown }> {
  if (/^\s*\[/.test(text)) {
    const all = JSON.parse(text) as unknown[];
    return all.map((value, index) => ({ at: `entry ${index + 1}`, value }));
  }
  const lines = text.split('\n').map((line, index) => ({ at: `line ${index + 1}`, line: line.trim() }));
  return lines
    .filter(({ line }) => line !== '')
    .map(({ at, line }) => {
      try {
        return { at, value: JSON.parse(line) as unknown };
      } catch {
        return { at, value: undefined };
      }
    });
}

/** Reads the tokens file: one JSON object a line, or one array of them. Throws one `invalid_input` with every fault. */
export function readTokens(text: string): StoredToken[] {
  const problems: Problem[] = [];
  const tokens: StoredToken[] = [];
  let entries: ReturnType<typeof parseLines> = [];
  try {
    entries = parseLines(text);
  } catch {
    problems.push({ field: 'the file', limit: 'is no JSON', mend: 'Write one JSON object a line.' });
  }
  const told = (field: string, limit: string) =>
    problems.push({ field, limit, mend: 'Store the line that `digital-human-mcp token NAME` prints.' });
  for (const { at, value } of entries) {
    const { data, error } = storedToken.safeParse(value);
    for (const issue of error?.issues ?? []) told(`${at} ${issue.path.join('.')}`.trim(), issue.message);
    if (!data) continue;
    const digest = Buffer.from(data.sha256, 'hex');
    if (tokens.some(({ name }) => name === data.name)) told(at, `repeats the name ${data.name}`);
    if (tokens.some((other) => other.digest.equals(digest))) told(at, 'repeats the token of another line');
    tokens.push({ name: data.name, digest, scopes: data.scopes });
  }
  if (tokens.length === 0 && problems.length === 0) told('the file', 'holds no token');
  if (problems.length === 0) return tokens;
  throw new Failure({
    kind: 'invalid_input',
    message: `DIGITAL_HUMAN_HTTP_TOKENS_FILE has ${problems.length} fault(s).`,
    advice: 'Mend every line named here and start again.',
    problems,
  });
}

/** The stored token that was presented. Every one is compared, each in constant time. */
export function findToken(tokens: readonly StoredToken[], presented: string): StoredToken | undefined {
  const digest = digestOf(presented);
  let found: StoredToken | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token;
  return found;
}
