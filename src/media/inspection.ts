import type { Failure, Problem } from '../core/failure.ts';
import type { MediaFacts } from '../core/media-facts.ts';
import type { FactsOf, MediaFindings, Operation } from '../core/operation.ts';
import { judge } from './judge.ts';
import { type NamedFile, namedFiles, type Preflight } from './preflight.ts';

/** What was learned of every file that a request names. */
export interface Inspection extends MediaFindings {
  readonly facts: FactsOf;
  readonly files: readonly NamedFile[];
}

export const isLocal = ({ value, inline }: NamedFile) => !inline && !/^https?:/i.test(value);

function unusable(field: string, { message, advice }: Failure): Problem {
  return { field, limit: `cannot be used: ${message.replace(/\.$/, '')}`, mend: advice };
}

/** What a file that could not be looked into means: of our own machine a fault, elsewhere perhaps not. */
function unread(field: string, file: NamedFile, failure: Failure): MediaFindings {
  // The cloud may reach what we cannot, but never an address inside our own network.
  const certain = failure.kind === 'media' || failure.kind === 'permission' || isLocal(file);
  return certain
    ? { problems: [unusable(field, failure)], warnings: [] }
    : {
        problems: [],
        warnings: [`${field} was not checked: ${failure.message} The cloud may still reach it.`],
      };
}

/**
 * Looks into every file of a request at the same time and holds each against the limits of its field, then
 * all of them against what they must fulfil together. Files on this machine are looked into in any case:
 * what is no media is not sent anywhere.
 *
 * @param thorough false: other files are left unopened, as the user chose
 */
export async function inspectMedia(
  operation: Operation,
  request: unknown,
  preflight: Preflight,
  thorough: boolean,
  signal?: AbortSignal,
): Promise<Inspection> {
  const files = namedFiles(operation.wire, request);
  const looked = files.filter((file) => thorough || isLocal(file));
  const facts = new Map<string, MediaFacts>();
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const looks = await Promise.all(
    looked.map((file) => preflight.look(file, file.limits.seconds ?? [], signal)),
  );
  for (const [index, file] of looked.entries()) {
    const look = looks[index];
    if (!look) continue;
    const field = operation.inputField(file.field);
    const found = 'facts' in look ? judge(field, look.facts, file.limits) : unread(field, file, look.failure);
    if ('facts' in look) facts.set(file.field, look.facts);
    problems.push(...found.problems);
    warnings.push(...found.warnings);
  }
  const factsOf: FactsOf = (field) => facts.get(field);
  const together = operation.acrossMedia?.(request, factsOf);
  return {
    files,
    facts: factsOf,
    problems: [...problems, ...(together?.problems ?? [])],
    warnings: [...warnings, ...(together?.warnings ?? [])],
  };
}
