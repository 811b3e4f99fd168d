import { Failure, type Problem } from '../core/failure.ts';
import type { Operation, ResultEstimate } from '../core/operation.ts';
import { inspectMedia } from '../media/inspection.ts';
import type { Application } from './application.ts';
import { checkAllowance } from './allowance.ts';
import { problemLines, readArguments } from './arguments.ts';
import { missingKeys } from '../clouds/credentials.ts';
import { checkStorage, deliverFiles, identityOf, offerStorage } from './delivery.ts';
import { answerFor } from './job-tools.ts';
import { type Estimate, estimateText } from './job-result.ts';
import type { CallContext, ToolAnswer } from './tool.ts';
import type { JsonSchema } from './schema.ts';
import { submitInput } from './tools.ts';

const inputs = new Map<Operation, ReturnType<typeof submitInput>>();

function inputOf(operation: Operation): ReturnType<typeof submitInput> {
  const known = inputs.get(operation) ?? submitInput(operation);
  inputs.set(operation, known);
  return known;
}

function dryRun(problems: readonly Problem[], warnings: readonly string[], estimate?: Estimate): ToolAnswer {
  const lines = problemLines(problems);
  const valid = lines.length === 0;
  const structured = {
    valid,
    problems: lines,
    warnings: [...warnings],
    ...(estimate && { estimate }),
    next: valid
      ? 'Valid. Submit it by calling again without dry_run; nothing was submitted.'
      : 'Mend the problems and try again; nothing was submitted.',
  };
  const text = [
    ...(valid ? [] : ['Not valid.']),
    ...lines,
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...(estimate ? [estimateText(estimate)] : []),
    structured.next,
  ];
  return { structured, text: text.join('\n') };
}

function refused(operation: Operation, problems: readonly Problem[]): Failure {
  return new Failure({
    kind: 'media',
    message: `${operation.name} cannot use what it was given. Nothing was sent.`,
    advice: 'Mend every line above and call again. check_media tells which tools accept a file.',
    problems,
  });
}

async function estimateFor(
  operation: Operation,
  { seconds, basis }: ResultEstimate,
  application: Application,
): Promise<Estimate> {
  // Without keys there is no job file to learn from, and none is made for a question.
  const expected = application.isConfigured(operation.wire.cloud)
    ? await (await application.engine()).expectation(operation, seconds)
    : undefined;
  return {
    ...(seconds !== undefined && { billed_seconds: Math.round(seconds * 10) / 10 }),
    ...(expected && { wait_seconds: Math.ceil(expected.milliseconds / 1000) }),
    basis: expected ? `${basis}; waiting time ${expected.basis}` : basis,
  };
}

const uploading: ToolAnswer = {
  structured: {
    next: 'Still uploading; nothing was submitted. Call again with the same input and idempotency_key to wait on.',
  },
  text: 'Still uploading; nothing was submitted. Call again with the same input and idempotency_key to wait on.',
};

/** Runs a submit tool: checks everything, then commits and sends, in that order. */
export async function submit(
  operation: Operation,
  schema: JsonSchema,
  raw: unknown,
  application: Application,
  context: CallContext,
): Promise<ToolAnswer> {
  const wantsDryRun = /^true$/i.test(String((raw as { dry_run?: unknown } | undefined)?.dry_run));
  let read: Record<string, unknown>;
  try {
    read = readArguments(operation.name, inputOf(operation), schema, raw);
  } catch (error) {
    if (wantsDryRun && error instanceof Failure && error.problems.length > 0)
      return dryRun(error.problems, []);
    throw error;
  }
  const { idempotency_key: key, dry_run: _, ...input } = read;
  const { caller } = context;
  const idempotencyKey = key as string | undefined;
  if (!wantsDryRun && !application.isConfigured(operation.wire.cloud))
    throw missingKeys(operation.wire.cloud);
  checkStorage(input, application);

  let identity = input as Readonly<Record<string, unknown>>;
  if (!wantsDryRun && idempotencyKey !== undefined) {
    identity = await identityOf(operation, input, application);
    const existing = await (await application.jobs(caller)).find(operation, { identity, idempotencyKey });
    if (existing) return answerFor(application, existing, caller);
  }
  // A repeat starts nothing, so it has been answered at the limit too.
  if (!wantsDryRun && application.reach === 'network')
    await checkAllowance(await application.jobs(caller), application.config.http.jobsPerPrincipal);

  const request = operation.encode(input);
  const inspection = await inspectMedia(
    operation,
    request,
    await application.preflight(),
    application.config.preflight,
    context.signal,
  );
  const warnings = [...(operation.warnings?.(request) ?? []), ...inspection.warnings];
  const result = operation.estimate(request, inspection.facts);
  if (inspection.problems.length > 0 && !wantsDryRun) throw refused(operation, inspection.problems);
  const estimate = await estimateFor(operation, result, application);
  if (wantsDryRun) return dryRun(inspection.problems, warnings, estimate);

  const delivered = await deliverFiles(operation, input, inspection, application, context);
  if (!delivered) return uploading;
  const { input: final, notes } = await offerStorage(delivered, application);
  const jobs = await application.jobs(caller);
  const job = await jobs.submit(operation, {
    input: final,
    identity,
    warnings: [...warnings, ...notes],
    idempotencyKey,
    resultSeconds: result.seconds,
  });
  return answerFor(application, job, caller, estimate);
}
